import type { Message } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** How a field of an option is read. `repeated` also reads packed values, `map` an entry's key and value. */
export type Kind =
  | "string"
  | "bytes"
  | "bool"
  | "int"
  | "uint"
  | "sint"
  | "double"
  | "float"
  | "fixed32"
  | "fixed64"
  | "sfixed32"
  | "sfixed64"
  | { readonly message: () => Shape }
  | { readonly repeated: Kind }
  | { readonly map: Kind };

/** The fields of a message that are read, by name; everything else in it is passed over. */
export interface Shape {
  readonly [name: string]: readonly [number: number, kind: Kind];
}

/** What a message of a shape has: only the fields that are set. Whole numbers are bigint. */
export interface Decoded {
  readonly [name: string]: unknown;
}

/**
 * Reads an option whose declaration is not compiled in, from where protobuf-es keeps what it does not know.
 *
 * Undefined when the option is not set, or its bytes are not of the shape: then it is another extension of that number.
 */
export function decodeOption(
  { proto }: { readonly proto: { readonly options?: Message | undefined } },
  number: number,
  kind: Kind,
): unknown {
  const found = proto.options?.$unknown?.filter(({ no }) => no === number) ?? [];
  if (found.length === 0) return undefined;
  const shape: Shape = { option: [number, kind] };
  try {
    const values: { [name: string]: unknown } = {};
    for (const { wireType, data } of found) readField(new BinaryReader(data), wireType, shape, number, values);
    return values.option;
  } catch {
    return undefined;
  }
}

/** Reads a message. Throws when the bytes are no message. */
export function decode(bytes: Uint8Array, shape: Shape): Decoded {
  const reader = new BinaryReader(bytes);
  const values: { [name: string]: unknown } = {};
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (!readField(reader, wireType, shape, number, values)) reader.skip(wireType, number);
  }
  return values;
}

function readField(
  reader: BinaryReader,
  wireType: WireType,
  shape: Shape,
  number: number,
  values: { [name: string]: unknown },
): boolean {
  for (const [name, [no, kind]] of Object.entries(shape)) {
    if (no !== number) continue;
    if (typeof kind === "object" && "repeated" in kind) {
      const list = (values[name] as unknown[] | undefined) ?? [];
      values[name] = list;
      if (wireType === WireType.LengthDelimited && isPackable(kind.repeated)) {
        for (const end = reader.uint32() + reader.pos; reader.pos < end; ) list.push(readValue(reader, kind.repeated));
      } else list.push(readValue(reader, kind.repeated));
    } else if (typeof kind === "object" && "map" in kind) {
      const entry = decode(reader.bytes(), { key: [1, "string"], value: [2, kind.map] });
      const value = entry.value ?? (typeof kind.map === "object" ? {} : "");
      values[name] = { ...(values[name] as Decoded | undefined), [String(entry.key ?? "")]: value };
    } else {
      const value = readValue(reader, kind);
      // A message that is set in several statements arrives in several pieces.
      values[name] =
        typeof kind === "object" && values[name] ? { ...(values[name] as Decoded), ...(value as Decoded) } : value;
    }
    return true;
  }
  return false;
}

const isPackable = (kind: Kind) => typeof kind === "string" && kind !== "string" && kind !== "bytes";

function readValue(reader: BinaryReader, kind: Kind): unknown {
  if (typeof kind === "object") return "message" in kind ? decode(reader.bytes(), kind.message()) : undefined;
  switch (kind) {
    case "string":
      return reader.string();
    case "bytes":
      return reader.bytes();
    case "bool":
      return reader.bool();
    case "int":
      return BigInt(reader.int64());
    case "uint":
      return BigInt(reader.uint64());
    case "sint":
      return BigInt(reader.sint64());
    case "double":
      return reader.double();
    case "float":
      return reader.float();
    case "fixed32":
      return BigInt(reader.fixed32());
    case "fixed64":
      return BigInt(reader.fixed64());
    case "sfixed32":
      return BigInt(reader.sfixed32());
    case "sfixed64":
      return BigInt(reader.sfixed64());
  }
}
