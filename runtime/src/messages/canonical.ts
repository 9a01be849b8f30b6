import type { DescMessage } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Codec, ServiceSpec } from "../core/spec.ts";
import { registryOf } from "./descriptors.ts";

/**
 * Brings the bytes of a codec's messages into a form in which equal messages are equal. Encoders write the entries of a
 * map in the order in which they find them, and many senders put them into another order each time. Source: Protocol
 * Buffers, "Proto Serialization Is Not Canonical".
 *
 * Costs nothing for messages without maps. Maps in messages of which no descriptor is known, such as those that a
 * google.protobuf.Any holds, stay in the order in which they came.
 */
export function canonicalBytes(codec: Codec, service: ServiceSpec | undefined): (bytes: Uint8Array) => Uint8Array {
  const schema = "schema" in codec ? (codec.schema as DescMessage) : described(codec, service);
  if (!schema || !hasMaps(schema, new Set())) return (bytes) => bytes;
  const shape = shapeOf(schema, new Map());
  return (bytes) => sorted(bytes, shape);
}

const described = ({ typeName }: Codec, service: ServiceSpec | undefined): DescMessage | undefined =>
  service && registryOf(service).getMessage(typeName);

/** The fields of a message that are maps or lead to some, by number. */
type Shape = Map<number, { readonly map: boolean; readonly inner: Shape | undefined }>;

function hasMaps({ fields }: DescMessage, seen: Set<DescMessage>): boolean {
  return fields.some(({ fieldKind, message }) => {
    if (fieldKind === "map") return true;
    if (!message || seen.has(message)) return false;
    return hasMaps(message, seen.add(message));
  });
}

function shapeOf(message: DescMessage, known: Map<DescMessage, Shape>): Shape {
  const before = known.get(message);
  if (before) return before;
  const shape: Shape = new Map();
  known.set(message, shape);
  for (const { fieldKind, message: type, number } of message.fields) {
    const inner = type && hasMaps(type, new Set()) ? shapeOf(type, known) : undefined;
    // On the wire, a map is a list of messages with the key as field 1 and the value as field 2.
    if (fieldKind === "map") shape.set(number, { map: true, inner: inner && new Map([[2, { map: false, inner }]]) });
    else if (inner) shape.set(number, { map: false, inner });
  }
  return shape;
}

/** The same message with the entries of each map in the order of their bytes, after all other fields. */
function sorted(bytes: Uint8Array, shape: Shape): Uint8Array {
  const reader = new BinaryReader(bytes);
  const writer = new BinaryWriter();
  const maps = new Map<number, Uint8Array[]>();
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, type] = reader.tag();
    const field = type === WireType.LengthDelimited ? shape.get(number) : undefined;
    if (!field) {
      reader.skip(type, number);
      writer.raw(bytes.subarray(start, reader.pos));
      continue;
    }
    const value = field.inner ? sorted(reader.bytes(), field.inner) : reader.bytes();
    const entries = field.map ? (maps.get(number) ?? []) : undefined;
    if (entries) {
      entries.push(value);
      maps.set(number, entries);
    } else writer.tag(number, type).bytes(value);
  }
  for (const [number, entries] of [...maps].sort(([one], [other]) => one - other))
    for (const entry of entries.sort(Buffer.compare)) writer.tag(number, WireType.LengthDelimited).bytes(entry);
  return writer.finish();
}
