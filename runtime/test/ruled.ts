import { create, setExtension, toBinary } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import {
  FieldDescriptorProto_Type,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { FieldRulesSchema, field } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import type { Codec, ServiceSpec } from "../src/core/spec.ts";
import { describedCodec, registryOf } from "../src/messages/descriptors.ts";

const options = create(FieldOptionsSchema);
setExtension(
  options,
  field,
  create(FieldRulesSchema, { type: { case: "int32", value: { lessThan: { case: "lte", value: 100 } } } }),
);
const file = create(FileDescriptorProtoSchema, {
  name: "ruled.proto",
  package: "test.v1",
  syntax: "proto3",
  messageType: [{ name: "Ruled", field: [{ name: "n", number: 1, type: FieldDescriptorProto_Type.INT32, options }] }],
});

/** A service without methods that knows `test.v1.Ruled`, a message whose `int32 n` may be 100 at most. */
export const ruledService: ServiceSpec = {
  name: "test.v1.Test",
  descriptors: base64Encode(toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [file] }))),
  methods: {},
};

const typeName = "test.v1.Ruled";
const { schema } = describedCodec({ typeName } as Codec, registryOf(ruledService));

/** Codec of `test.v1.Ruled` as a plain object; anything else counts as one that is empty. */
export const ruledCodec: Codec = {
  typeName,
  encode: (message) => toBinary(schema, create(schema, { n: (message as { readonly n?: number }).n ?? 0 } as never)),
  decode: () => ({}),
};
