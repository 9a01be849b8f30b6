import { type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { type Fields, putter, setOwn } from "./place.ts";
import { isNullable, type Readers } from "./read.ts";
import { ignored, isWellFormed, keyReader } from "./read-scalar.ts";
import { deepest, type Reading } from "./reading.ts";
import { giveUp, Scanner } from "./scanner.ts";
import { type FieldShape, type Form, hasOwnJson, type MessageShape, type Shapes } from "./shape.ts";
import { countKeys } from "./text.ts";

/** Reads the value that a scanner is at. */
type DirectReader = (scanner: Scanner, reading: Reading) => unknown;
/** Reads it into a message. */
type DirectSetter = (message: Fields, scanner: Scanner, reading: Reading) => void;

/** One spelling of a field. */
interface Entry {
  /** What stands in the text before the value. */
  readonly head: Uint8Array;
  readonly set: DirectSetter;
  /** Which bit stands for the field among those that were seen; 0 when there are too many fields. */
  readonly bit: number;
  readonly name: string;
  /** The same of its oneof; 0 when it is in none. */
  readonly oneofBit: number;
  /** True for members of a oneof that null leaves alone. */
  readonly skipsNull: boolean;
  /** The field that followed last time: whoever sends one message after another sends its fields in the same order. */
  next: Entry | undefined;
}

const [openBrace, closeBrace, closeBracket, letterN] = [0x7b, 0x7d, 0x5d, 0x6e];

/** So many fields and oneofs of a message are bits of one number: those that are first seen. */
const mostBits = 31;

/**
 * Compiles what reads messages straight from text: no tree is made, and keys given twice show at once. Values of fields are
 * read as they are from a tree. Whatever is not plain and right is left to the reading of a tree, which has words for it.
 */
export class DirectReaders {
  readonly #shapes: Shapes;
  readonly #readers: Readers;
  readonly #ignoreUnknown: boolean;
  readonly #compiled = new Map<DescMessage, DirectReader>();

  constructor(shapes: Shapes, readers: Readers, ignoreUnknown: boolean) {
    this.#shapes = shapes;
    this.#readers = readers;
    this.#ignoreUnknown = ignoreUnknown;
  }

  /** Reads a message from text; undefined when that must be done from a tree. */
  text(desc: DescMessage): (text: string) => object | undefined {
    const read = this.message(desc);
    if (!read) return () => undefined;
    return (text) => {
      if (!isWellFormed(text)) return undefined;
      try {
        const scanner = new Scanner(text);
        // The scanner looks at the strings that it reads by itself. In a tree, half a pair can only be escaped.
        const reading: Reading = { keys: 0, depth: 0, wellFormed: !text.includes("\\u") };
        scanner.next();
        const message = read(scanner, reading) as object;
        scanner.end();
        return scanner.keys === reading.keys ? message : undefined;
      } catch {
        // Whatever it is: read from a tree, the text fails for the same reason, with the words for it.
        return undefined;
      }
    };
  }

  /** The reader of a message; undefined when its JSON is none of fields. */
  message(desc: DescMessage): DirectReader | undefined {
    if (hasOwnJson(desc) || desc.oneofs.length > mostBits) return undefined;
    let reader = this.#compiled.get(desc);
    if (!reader) {
      let own: DirectReader | undefined;
      // Types may contain themselves, so what is handed out looks the reader up.
      reader = (scanner, reading) => {
        own ??= this.#fields(this.#shapes(desc));
        return own(scanner, reading);
      };
      this.#compiled.set(desc, reader);
    }
    return reader;
  }

  #fields(shape: MessageShape): DirectReader {
    const { desc, make } = shape;
    const entries = new Map<string, Entry>();
    shape.fields.forEach((place, index) => {
      const { name, jsonName, oneof, fieldKind } = place.field;
      const bit = desc.oneofs.length + index;
      const entry = {
        set: this.#setter(shape, place),
        name,
        bit: bit < mostBits ? 1 << bit : 0,
        oneofBit: oneof ? 1 << desc.oneofs.indexOf(oneof) : 0,
        skipsNull: fieldKind === "scalar",
        next: undefined,
      };
      for (const spelling of new Set([jsonName, name]))
        entries.set(spelling, { ...entry, head: Buffer.from(`${JSON.stringify(spelling)}:`) });
    });
    let first = entries.values().next().value as Entry | undefined;

    return (scanner, reading) => {
      if (scanner.bytes[scanner.at] !== openBrace || ++reading.depth > deepest) throw giveUp;
      const message = make() as Fields;
      if (scanner.open(closeBrace)) {
        let seen = 0;
        let others: Set<string> | undefined;
        let before: Entry | undefined;
        let entry = first;
        do {
          if (entry !== undefined && scanner.skip(entry.head)) scanner.next();
          else {
            const key = scanner.key();
            entry = entries.get(key);
            if (entry === undefined) {
              others ??= new Set();
              this.#unknown(key, others, scanner, reading);
              entry = before?.next;
              continue;
            }
            if (before) before.next = entry;
            else first = entry;
          }
          const { bit, oneofBit } = entry;
          const isSkipped = oneofBit !== 0 && entry.skipsNull && scanner.bytes[scanner.at] === letterN;
          const bits = isSkipped ? bit : bit | oneofBit;
          if ((seen & bits) !== 0) throw giveUp;
          seen |= bits;
          if (bit === 0) {
            others ??= new Set();
            addTo(others, entry.name);
          }
          entry.set(message, scanner, reading);
          before = entry;
          entry = before.next;
        } while (scanner.more(closeBrace));
      }
      reading.depth--;
      return message;
    };
  }

  #unknown(key: string, others: Set<string>, scanner: Scanner, reading: Reading): void {
    if (!this.#ignoreUnknown || key.startsWith("[")) throw giveUp;
    addTo(others, key);
    reading.keys += countKeys(scanner.value());
  }

  #setter(shape: MessageShape, place: FieldShape): DirectSetter {
    const { field, form } = place;
    const put = putter(place);
    if (field.fieldKind === "list") return this.#list(place, put);
    if (field.fieldKind === "map") return this.#map(place, put);
    const message = form.kind === "message" ? this.message(form.desc) : undefined;
    const { key } = place;
    if (message) {
      return (into, scanner, reading) => {
        // Null means the field is not given.
        if (scanner.bytes[scanner.at] === letterN) scanner.value();
        else if (place.union) put(into, message(scanner, reading));
        else into[key] = message(scanner, reading);
      };
    }
    const set = this.#readers.setter(shape, field);
    if (form.kind === "scalar" && !place.union) {
      // Most fields are texts.
      if (form.type === ScalarType.STRING) {
        return (into, scanner, reading) => {
          if (scanner.bytes[scanner.at] === 0x22) into[key] = scanner.string();
          else set(into, scanner.value(), reading);
        };
      }
      if (form.as === "bigint" && !isUnsigned(form.type)) {
        return (into, scanner, reading) => {
          const whole = scanner.digits();
          if (whole !== undefined) into[key] = BigInt(whole);
          else set(into, scanner.value(), reading);
        };
      }
    }
    return (into, scanner, reading) => set(into, scanner.value(), reading);
  }

  #list({ field, form }: FieldShape, put: (message: Fields, value: unknown) => void): DirectSetter {
    const read = this.#value(form, field.name);
    return (message, scanner, reading) => {
      const byte = scanner.bytes[scanner.at];
      if (byte === letterN) {
        scanner.value();
        return;
      }
      if (byte !== 0x5b) throw giveUp;
      const list: unknown[] = [];
      if (scanner.open(closeBracket)) {
        do {
          const value = read(scanner, reading);
          if (value !== ignored) list.push(value);
        } while (scanner.more(closeBracket));
      }
      put(message, list);
    };
  }

  #map({ field, form, map }: FieldShape, put: (message: Fields, value: unknown) => void): DirectSetter {
    if (field.fieldKind !== "map" || !map) throw new TypeError(`${field} is no map`);
    const read = this.#value(form, field.name);
    const readKey = keyReader(field.mapKey, map.key, map.isMap, field.name);
    return (message, scanner, reading) => {
      const byte = scanner.bytes[scanner.at];
      if (byte === letterN) {
        scanner.value();
        return;
      }
      if (byte !== openBrace) throw giveUp;
      const seen = new Set<string>();
      const entries = map.isMap ? new Map<unknown, unknown>() : undefined;
      const record: Fields = {};
      if (scanner.open(closeBrace)) {
        do {
          const key = readKey(scanner.key());
          addTo(seen, String(key));
          const value = read(scanner, reading);
          if (value === ignored) continue;
          if (entries) entries.set(key, value);
          else setOwn(record, key as string, value);
        } while (scanner.more(closeBrace));
      }
      put(message, entries ?? record);
    };
  }

  /** Reads one value of this form, which null is not but where it is one. */
  #value(form: Form, name: string): DirectReader {
    const message = form.kind === "message" ? this.message(form.desc) : undefined;
    if (message) return message;
    const read = this.#readers.value(form, name);
    const takesNull = isNullable(form);
    return (scanner, reading) => {
      const json = scanner.value();
      if (json === null && !takesNull) throw giveUp;
      return read(json, reading, name);
    };
  }
}

function addTo(seen: Set<string>, key: string): void {
  if (seen.has(key)) throw giveUp;
  seen.add(key);
}

const isUnsigned = (type: ScalarType): boolean => type === ScalarType.UINT64 || type === ScalarType.FIXED64;
