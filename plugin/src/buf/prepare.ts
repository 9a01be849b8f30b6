import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { ListCategoriesRequestSchema, ListRulesRequestSchema, RequestSchema } from "./gen/check_pb.js";
import { callOf, type prepared } from "./prepared.ts";
import { answer, specification } from "./procedures.ts";

/** The sizes of pages that buf asks for. Others are answered as well, only slower. */
const pageSizes = [0, 250];

/** The answers for `prepared`. */
export async function prepare(): Promise<typeof prepared> {
  const ready = new Map([[callOf("--spec", new Uint8Array()), specification()]]);
  for (const [method, schema] of [
    ["ListRules", ListRulesRequestSchema],
    ["ListCategories", ListCategoriesRequestSchema],
  ] as const) {
    const path = `/buf.plugin.check.v1.CheckService/${method}`;
    for (const pageSize of pageSizes) {
      const request = encode(schema, { pageSize });
      ready.set(callOf(path, request), await answer(path, request));
    }
  }
  return Object.fromEntries([...ready].map(([call, bytes]) => [call, Buffer.from(bytes).toString("base64")]));
}

function encode<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Uint8Array {
  const value = toBinary(schema, create(schema, init));
  const any = create(AnySchema, { typeUrl: `type.googleapis.com/${schema.typeName}`, value });
  return toBinary(RequestSchema, create(RequestSchema, { value: any }));
}
