// The program that the conformance suite of protobuf talks to: JSON goes through our codec, bytes through protobuf-es.
//
// Started as `testee.ts <descriptor set>`. Source: conformance/conformance.proto, "running a conformance test".
import { readFileSync, readSync, writeSync } from "node:fs";
import { createFileRegistry, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { esJson, type JsonCodec } from "../../runtime/src/json/codec.ts";

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.argv[2] as string)));
const messageOf = (name: string): DescMessage => {
  const desc = registry.getMessage(name);
  if (!desc) throw new Error(`${name} is not in the descriptor set`);
  return desc;
};
const requestType = messageOf("conformance.ConformanceRequest");
const responseType = messageOf("conformance.ConformanceResponse");

const JSON_FORMAT = 2;
const PROTOBUF_FORMAT = 1;
const IGNORE_UNKNOWN = 3;

interface Request {
  readonly payload: { readonly case?: string; readonly value?: unknown };
  readonly requestedOutputFormat: number;
  readonly messageType: string;
  readonly testCategory: number;
}

const codecs = new Map<string, JsonCodec<Message>>();
function codecOf(desc: DescMessage, ignoreUnknown: boolean): JsonCodec<Message> {
  const key = `${desc.typeName} ${ignoreUnknown}`;
  let codec = codecs.get(key);
  if (!codec) {
    codec = esJson(desc, { registry, ignoreUnknown });
    codecs.set(key, codec);
  }
  return codec;
}

function answer(request: Request): readonly [name: string, value: unknown] {
  const { payload, requestedOutputFormat, testCategory } = request;
  const desc = messageOf(request.messageType);
  const codec = codecOf(desc, testCategory === IGNORE_UNKNOWN);
  let message: Message;
  try {
    if (payload.case === "protobufPayload") message = fromBinary(desc, payload.value as Uint8Array);
    else if (payload.case === "jsonPayload") message = codec.parse(payload.value as string);
    else return ["skipped", "neither bytes nor JSON"];
  } catch (error) {
    return ["parse_error", String(error)];
  }
  try {
    if (requestedOutputFormat === PROTOBUF_FORMAT) return ["protobuf_payload", toBinary(desc, message)];
    if (requestedOutputFormat === JSON_FORMAT) return ["json_payload", codec.print(message)];
    return ["skipped", "neither bytes nor JSON"];
  } catch (error) {
    return ["serialize_error", String(error)];
  }
}

/** That many bytes of the standard input; undefined at its end. */
function take(length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length);
  for (let had = 0; had < length; ) {
    const got = readSync(0, bytes, had, length - had, null);
    if (got === 0) return undefined;
    had += got;
  }
  return bytes;
}

for (let head = take(4); head; head = take(4)) {
  const request = take(head.readUInt32LE());
  if (!request) break;
  const [name, value] = answer(fromBinary(requestType, request) as unknown as Request);
  const response = reflect(responseType);
  response.set(responseType.fields.find((field) => field.name === name) as never, value as never);
  const bytes = toBinary(responseType, response.message);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  const out = Buffer.concat([length, bytes]);
  for (let sent = 0; sent < out.length; ) sent += writeSync(1, out, sent);
}
