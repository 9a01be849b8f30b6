import type { DescMessage } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
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
  return (bytes) => {
    const message = new Message(bytes);
    message.arrange(bytes.length, shape);
    return message.bytes;
  };
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

/** Where an entry of a map is, with its tag and its length. */
interface Slot {
  readonly start: number;
  readonly end: number;
}

/** The message as it arrives, or a copy as soon as something in it has to be moved. */
class Message {
  readonly reader: BinaryReader;
  bytes: Buffer;
  #isCopy = false;

  constructor(bytes: Uint8Array) {
    this.reader = new BinaryReader(bytes);
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /**
   * Puts the entries of the maps up to here in the order of their bytes, those within an entry first. It moves entries of
   * the same map that follow each other, as all encoders write them, so no length changes and the reader stays right.
   */
  arrange(end: number, shape: Shape): void {
    const { reader } = this;
    let map = 0;
    let run: Slot[] = [];
    while (reader.pos < end) {
      const start = reader.pos;
      const tag = reader.uint32();
      const number = tag >>> 3;
      const isDelimited = (tag & 7) === WireType.LengthDelimited;
      const field = isDelimited ? shape.get(number) : undefined;
      if (isDelimited) {
        const innerEnd = reader.uint32() + reader.pos;
        if (field?.inner) this.arrange(innerEnd, field.inner);
        reader.pos = innerEnd;
      } else reader.skip(tag & 7, number);

      if (run.length > 0 && (number !== map || !field)) {
        this.#sort(run);
        run = [];
      }
      if (!field?.map) continue;
      map = number;
      run.push({ start, end: reader.pos });
    }
    if (run.length > 0) this.#sort(run);
  }

  #sort(run: readonly Slot[]): void {
    if (run.every((slot, n) => n === 0 || this.#compare(run[n - 1] as Slot, slot) <= 0)) return;
    if (!this.#isCopy) this.bytes = Buffer.from(this.bytes);
    this.#isCopy = true;
    const { start, end } = { start: (run[0] as Slot).start, end: (run.at(-1) as Slot).end };
    const sorted = [...run].sort((one, other) => this.#compare(one, other));
    Buffer.concat(sorted.map((slot) => this.bytes.subarray(slot.start, slot.end))).copy(
      this.bytes,
      start,
      0,
      end - start,
    );
  }

  #compare(one: Slot, other: Slot): number {
    return this.bytes.compare(this.bytes, other.start, other.end, one.start, one.end);
  }
}
