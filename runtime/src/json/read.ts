import {
  type DescField,
  type DescMessage,
  type Message,
  mergeFromJson,
  type Registry,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { JsonError, show } from "./error.ts";
import { esShape } from "./es-shape.ts";
import { enumReader, ignored, keyReader, scalarReader } from "./read-scalar.ts";
import { type FieldShape, type Form, hasOwnJson, type MessageShape, type Shapes } from "./shape.ts";
import { countKeys } from "./text.ts";
import { parseDuration, parseMask, parseTimestamp } from "./well-known.ts";

/** How JSON is read. */
export interface ReadOptions {
  /** The types that a google.protobuf.Any may hold, and extensions. */
  readonly registry: Registry;
  /** Whether keys and enum names that the schema does not have are passed over. Default: they are errors. */
  readonly ignoreUnknown: boolean;
}

/** The progress of one reading. */
export interface Reading {
  /** Keys of objects seen so far. */
  keys: number;
  /** Messages that are open. */
  depth: number;
  /** True when no string can have half a surrogate pair. */
  readonly wellFormed: boolean;
}

/** Reads a JSON value; `name` is the field it belongs to, "" for the outermost. Throws JsonError. */
export type Reader = (json: unknown, reading: Reading, name: string) => unknown;

/** Messages may be nested this deep, as in protobuf-es. */
export const deepest = 100;

type Setter = (message: Fields, json: unknown, reading: Reading) => void;
/** A message or another object, by its properties. */
export type Fields = { [key: string]: unknown };

/** One spelling of a field. */
interface Entry {
  readonly key: string;
  readonly set: Setter;
  readonly name: string;
  /** The spelling that excludes this one; only the proto name knows it, which is enough. */
  readonly other: string | undefined;
  readonly oneof: string | undefined;
  /** True for members of a oneof that null leaves alone. */
  readonly skipsNull: boolean;
}

/** Compiles readers, each message type at its first use. */
export class Readers {
  readonly #shapes: Shapes;
  readonly #options: ReadOptions;
  readonly #compiled = new Map<DescMessage, Reader>();
  #es: Readers | undefined;

  constructor(shapes: Shapes, options: ReadOptions) {
    this.#shapes = shapes;
    this.#options = options;
  }

  /** The reader of a message. */
  message(desc: DescMessage): Reader {
    let reader = this.#compiled.get(desc);
    if (!reader) {
      let own: Reader | undefined;
      // Types may contain themselves, so what is handed out looks the reader up.
      const late: Reader = (json, reading, name) => {
        own ??= this.#compile(desc);
        return own(json, reading, name);
      };
      reader = late;
      this.#compiled.set(desc, late);
    }
    return reader;
  }

  /** Readers for messages of protobuf-es, which is what an Any packs. */
  get #packed(): Readers {
    this.#es ??= this.#shapes === esShape ? this : new Readers(esShape, this.#options);
    return this.#es;
  }

  #compile(desc: DescMessage): Reader {
    const shape = this.#shapes(desc);
    const isAny = desc.typeName === "google.protobuf.Any";
    const read = isAny ? this.#any(shape) : hasOwnJson(desc) ? outside(this.#wellKnown(shape)) : this.#fields(shape);
    return (json, reading, name) => {
      if (++reading.depth > deepest)
        throw new JsonError("", `is no ${desc.typeName}: maximum recursion depth of ${deepest} reached`);
      const message = read(json, reading, name);
      reading.depth--;
      return message;
    };
  }

  #fields(shape: MessageShape): Reader {
    const { desc, make } = shape;
    const entries = new Map<string, Entry>();
    for (const { field } of shape.fields) {
      const { name, jsonName, oneof, fieldKind } = field;
      const set = this.setter(shape, field);
      const skipsNull = fieldKind === "scalar";
      const entry = { key: jsonName, set, name, other: undefined, oneof: oneof?.name, skipsNull };
      entries.set(jsonName, entry);
      if (name !== jsonName) entries.set(name, { ...entry, key: name, other: jsonName });
    }
    // Whoever sends one message after another sends its fields in the same order: a comparison instead of a look-up.
    const order: Entry[] = [];
    return (json, reading, name) => {
      if (typeof json !== "object" || json === null || Array.isArray(json) || json instanceof Uint8Array)
        throw new JsonError(name, `is no ${desc.typeName}: ${show(json)}`);
      const message = make() as Fields;
      let members: Map<string, string> | undefined;
      let at = 0;
      for (const key in json) {
        const value = (json as Fields)[key];
        let entry: Entry | undefined = order[at];
        if (entry === undefined || entry.key !== key) {
          entry = entries.get(key);
          if (entry !== undefined && at <= entries.size) order[at] = entry;
        }
        at++;
        if (entry === undefined) {
          this.#unknown(shape, message, key, value, reading);
          continue;
        }
        if (entry.other !== undefined && Object.hasOwn(json, entry.other))
          throw new JsonError(entry.name, "set multiple times");
        if (entry.oneof !== undefined) {
          if (value === null && entry.skipsNull) continue;
          members ??= new Map();
          const rival = members.get(entry.oneof);
          if (rival !== undefined)
            throw new JsonError(entry.oneof, `oneof set multiple times by ${rival} and ${entry.name}`);
          members.set(entry.oneof, entry.name);
        }
        entry.set(message, value, reading);
      }
      reading.keys += at;
      return message;
    };
  }

  #unknown({ desc, es }: MessageShape, message: Fields, key: string, value: unknown, reading: Reading): void {
    const { registry, ignoreUnknown } = this.#options;
    const extension = key.startsWith("[") && key.endsWith("]") ? registry.getExtension(key.slice(1, -1)) : undefined;
    if (extension && es) {
      reading.keys += countKeys(value);
      try {
        mergeFromJson(
          desc,
          message as unknown as Message,
          { [key]: value as never },
          { registry, ignoreUnknownFields: ignoreUnknown },
        );
      } catch (cause) {
        throw new JsonError(key, "is not what the extension takes", { cause });
      }
      return;
    }
    if (!ignoreUnknown) throw new JsonError(key, `is unknown: ${desc.typeName} has no such field`);
    reading.keys += countKeys(value);
  }

  /** Puts the JSON of one field into a message. */
  setter(shape: MessageShape, field: DescField): Setter {
    const place = shape.fields.find((one) => one.field === field) as FieldShape;
    const put = putter(place);
    if (field.fieldKind === "list") return this.#listSetter(place, put);
    if (field.fieldKind === "map") return this.#mapSetter(place, put);
    if (isText(place) && !place.union) return textSetter(place);
    const read = this.value(place.form, field.name);
    const { name } = field;
    const takesNull = isNullable(place.form);
    return (message, json, reading) => {
      // Null means the field is not given, and the message is new.
      if (json === null && !takesNull) return;
      const value = read(json, reading, name);
      if (value !== ignored) put(message, value);
    };
  }

  #listSetter({ field, form }: FieldShape, put: (message: Fields, value: unknown) => void): Setter {
    const { name } = field;
    const read = this.value(form, name);
    const takesNull = isNullable(form);
    return (message, json, reading) => {
      if (json === null) return;
      if (!Array.isArray(json)) throw new JsonError(name, `expected Array, got ${show(json)}`);
      const list: unknown[] = [];
      for (let n = 0; n < json.length; n++) {
        const one: unknown = json[n];
        if (one === null && !takesNull) throw new JsonError(name, "list item must not be null");
        const value = read(one, reading, name);
        if (value !== ignored) list.push(value);
      }
      put(message, list);
    };
  }

  #mapSetter({ field, form, map }: FieldShape, put: (message: Fields, value: unknown) => void): Setter {
    if (field.fieldKind !== "map" || !map) throw new TypeError(`${field} is no map`);
    const { name, mapKey } = field;
    const read = this.value(form, name);
    const readKey = keyReader(mapKey, map.key, map.isMap, name);
    const takesNull = isNullable(form);
    // Numbers have several spellings.
    const mayRepeat = mapKey !== ScalarType.STRING && mapKey !== ScalarType.BOOL;
    return (message, json, reading) => {
      if (json === null) return;
      if (typeof json !== "object" || Array.isArray(json) || json instanceof Uint8Array)
        throw new JsonError(name, `expected object, got ${show(json)}`);
      const entries = map.isMap ? new Map<unknown, unknown>() : undefined;
      const record: Fields = {};
      const seen = mayRepeat ? new Set<string>() : undefined;
      for (const text in json) {
        reading.keys++;
        const one = (json as Fields)[text];
        const key = readKey(text);
        if (seen) {
          const spelled = String(key);
          if (seen.has(spelled)) throw new JsonError(name, `duplicate map key ${show(text)}`);
          seen.add(spelled);
        }
        if (one === null && !takesNull) throw new JsonError(name, "map value must not be null");
        const value = read(one, reading, name);
        if (value === ignored) continue;
        if (entries) entries.set(key, value);
        else setOwn(record, key as string, value);
      }
      put(message, entries ?? record);
    };
  }

  /** Reads one value of this form. */
  value(form: Form, name: string): Reader {
    switch (form.kind) {
      case "scalar":
        return scalarReader(form.type, form.as, name);
      case "enum":
        return enumReader(form.desc, form.texts, this.#options.ignoreUnknown, name);
      case "message":
        return this.message(form.desc);
      case "wrapped":
        return this.value(form.inner, name);
      case "date":
        return (json, _, field) => dateOf(json, field);
      case "iso":
        return (json, _, field) => dateOf(json, field).toISOString();
      case "duration":
        return (json, _, field) => {
          parseDuration(json, field);
          return json;
        };
      case "paths":
        return (json, _, field) => parseMask(json, field);
      case "plain":
        return plainReader(form.type);
    }
  }

  #wellKnown(shape: MessageShape): Reader {
    const { desc, make } = shape;
    const kind = desc.typeName.slice("google.protobuf.".length);
    const put = (number: number) => {
      const place = shape.fields.find(({ field }) => field.number === number) as FieldShape;
      return { set: putter(place), read: this.setter(shape, place.field) };
    };
    if (kind === "Timestamp" || kind === "Duration") {
      const parse = kind === "Timestamp" ? parseTimestamp : parseDuration;
      const [seconds, nanos] = [put(1).read, put(2).set];
      return (json, reading, name) => {
        const instant = parse(json, name);
        const message = make() as Fields;
        seconds(message, instant.seconds, reading);
        if (instant.nanos !== 0) nanos(message, instant.nanos);
        return message;
      };
    }
    if (kind === "FieldMask") {
      const { set } = put(1);
      return (json, _, name) => {
        const message = make() as Fields;
        set(message, parseMask(json, name));
        return message;
      };
    }
    if (kind === "Struct" || kind === "ListValue") {
      const { read } = put(1);
      return (json, reading, name) => {
        if (typeof json !== "object" || json === null || Array.isArray(json) === (kind === "Struct"))
          throw new JsonError(name, `is no ${desc.typeName}: ${show(json)}`);
        const message = make() as Fields;
        read(message, json, reading);
        return message;
      };
    }
    if (kind === "Value") {
      const [none, number, text, truth, struct, list] = [1, 2, 3, 4, 5, 6].map((at) => put(at).read) as Setter[];
      return (json, reading) => {
        const message = make() as Fields;
        const set =
          typeof json === "number"
            ? number
            : typeof json === "string"
              ? text
              : typeof json === "boolean"
                ? truth
                : json === null
                  ? none
                  : Array.isArray(json)
                    ? list
                    : struct;
        set?.(message, json, reading);
        return message;
      };
    }
    const { read } = put(1);
    return (json, reading) => {
      const message = make() as Fields;
      read(message, json, reading);
      return message;
    };
  }

  /** Source: google/protobuf/any.proto, "JSON". */
  #any(shape: MessageShape): Reader {
    const { registry } = this.#options;
    const make = shape.make as () => Fields;
    const [putUrl, readBytes] = shape.fields.map((place) => this.setter(shape, place.field)) as [Setter, Setter];
    return (json, reading, name) => {
      if (typeof json !== "object" || json === null || Array.isArray(json) || json instanceof Uint8Array)
        throw new JsonError(name, `is no google.protobuf.Any: ${show(json)}`);
      const message = make();
      const { "@type": url, ...others } = json as Fields;
      if (url === undefined && Object.keys(others).length === 0) return message;
      if (typeof url !== "string" || url === "")
        throw new JsonError(name, 'is no google.protobuf.Any: "@type" is empty');
      const desc = registry.getMessage(url.slice(url.lastIndexOf("/") + 1));
      if (!desc) throw new JsonError(name, `is no google.protobuf.Any: ${show(url)} is not in the type registry`);
      reading.keys++;
      let inner: unknown = others;
      if (hasOwnJson(desc) && Object.hasOwn(others, "value")) {
        const { value, ...rest } = others;
        reading.keys += 1 + countKeys(rest);
        inner = value;
      }
      const packed = this.#packed.message(desc)(inner, reading, name) as Message;
      putUrl(message, url.includes("/") ? url : `type.googleapis.com/${url}`, reading);
      readBytes(message, toBinary(desc, packed), reading);
      return message;
    };
  }
}

/** What is inside of a message with a JSON form of its own has no names that its sender would know. */
const outside =
  (read: Reader): Reader =>
  (json, reading, name) => {
    try {
      return read(json, reading, name);
    } catch (error) {
      if (error instanceof JsonError && name !== "" && error.field !== name)
        throw new JsonError(name, error.message, { cause: error });
      throw error;
    }
  };

const dateOf = (json: unknown, name: string): Date => {
  const { seconds, nanos } = parseTimestamp(json, name);
  // As ts-proto makes it, so that every door gives the same.
  return new Date(seconds * 1000 + nanos / 1e6);
};

/** True where null is a value of its own. */
export const isNullable = (form: Form): boolean =>
  (form.kind === "enum" && form.desc.typeName === "google.protobuf.NullValue") ||
  (form.kind === "message" && form.desc.typeName === "google.protobuf.Value") ||
  (form.kind === "plain" && form.type === "Value");

/** Keys such as `__proto__` are data. */
export function setOwn(record: object, key: string, value: unknown): void {
  if (key !== "__proto__") (record as Fields)[key] = value;
  else Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Puts a value where the message has it. */
export function putter({ key, union }: FieldShape): (message: Fields, value: unknown) => void {
  if (!union) {
    return (message, value) => {
      message[key] = value;
    };
  }
  const { tag, name, value: at } = union;
  if (tag === "case") {
    return (message, value) => {
      message[key] = { case: name, value };
    };
  }
  if (tag === "$case" && at === "value") {
    return (message, value) => {
      message[key] = { $case: name, value };
    };
  }
  return (message, value) => {
    message[key] = { [tag]: name, [at]: value };
  };
}

function plainReader(type: "Struct" | "Value" | "ListValue"): Reader {
  return (json, reading, name) => {
    const isObject = typeof json === "object" && json !== null;
    if ((type === "Struct" && (!isObject || Array.isArray(json))) || (type === "ListValue" && !Array.isArray(json)))
      throw new JsonError(name, `is no google.protobuf.${type}: ${show(json)}`);
    checkPlain(json, reading, reading.depth, name);
    return json;
  };
}

const isText = ({ form }: FieldShape): boolean => form.kind === "scalar" && form.type === ScalarType.STRING;

/** Most fields are text, so it is put into the message in one step. */
function textSetter({ field, key, form }: FieldShape): Setter {
  const read = scalarReader(ScalarType.STRING, form.kind === "scalar" ? form.as : "same", field.name);
  return (message, json, reading) => {
    if (typeof json === "string" && reading.wellFormed) message[key] = json;
    else if (json !== null) message[key] = read(json);
  };
}

/** Plain JSON stays what it is, but it may not be deeper than messages. */
function checkPlain(json: unknown, reading: Reading, depth: number, name: string): void {
  if (typeof json !== "object" || json === null) {
    // Such as 1e999, which JSON.parse takes.
    if (typeof json === "number" && !Number.isFinite(json)) throw new JsonError(name, "has a number that is too large");
    return;
  }
  if (depth >= deepest)
    throw new JsonError(name, `is no google.protobuf.Value: maximum recursion depth of ${deepest} reached`);
  if (Array.isArray(json)) for (const one of json) checkPlain(one, reading, depth + 1, name);
  else {
    for (const key in json) {
      reading.keys++;
      checkPlain((json as Fields)[key], reading, depth + 1, name);
    }
  }
}
