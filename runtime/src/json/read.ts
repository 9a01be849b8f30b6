import {
  type DescField,
  type DescMessage,
  type Message,
  mergeFromJson,
  type Registry,
  ScalarType,
} from "@bufbuild/protobuf";
import { JsonError, show } from "./error.ts";
import { esShape } from "./es-shape.ts";
import { type Fields, putter, setOwn } from "./place.ts";
import { ownReader } from "./read-own.ts";
import { plainReader } from "./read-plain.ts";
import { enumReader, ignored, isWellFormed, keyReader, scalarReader } from "./read-scalar.ts";
import { deepest, type Reader, type Reading, type Setter } from "./reading.ts";
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
  /** What is read, and how. */
  readonly options: ReadOptions;
  readonly #shapes: Shapes;
  readonly #compiled = new Map<DescMessage, Reader>();
  #es: Readers | undefined;

  constructor(shapes: Shapes, options: ReadOptions) {
    this.#shapes = shapes;
    this.options = options;
  }

  /** The reader of a message. */
  message(desc: DescMessage): Reader {
    let reader = this.#compiled.get(desc);
    if (!reader) {
      let read: Reader | undefined;
      // Types may contain themselves, so what is handed out is compiled at its first use.
      reader = (json, reading, name) => {
        if (read === undefined) {
          const shape = this.#shapes(desc);
          read = hasOwnJson(desc) ? ownReader(this, shape) : this.#fields(shape);
        }
        if (++reading.depth > deepest)
          throw new JsonError("", `is no ${desc.typeName}: maximum recursion depth of ${deepest} reached`);
        const message = read(json, reading, name);
        reading.depth--;
        return message;
      };
      this.#compiled.set(desc, reader);
    }
    return reader;
  }

  /** The reader of a message of protobuf-es, which is what an Any packs. */
  packed(desc: DescMessage): Reader {
    this.#es ??= this.#shapes === esShape ? this : new Readers(esShape, this.options);
    return this.#es.message(desc);
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
    const { registry, ignoreUnknown } = this.options;
    const extension = key.startsWith("[") && key.endsWith("]") ? registry.getExtension(key.slice(1, -1)) : undefined;
    if (extension && es) {
      reading.keys += countKeys(value);
      try {
        mergeFromJson(
          desc,
          message as unknown as Message,
          { [key]: withoutBigints(value) as never },
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
    const { key, union } = place;
    if (!union) {
      const isInt = isInt32(place.form);
      return (message, json, reading) => {
        if (isInt && typeof json === "number" && (json | 0) === json) {
          message[key] = json | 0;
          return;
        }
        if (json === null && !takesNull) return;
        const value = read(json, reading, name);
        if (value !== ignored) message[key] = value;
      };
    }
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
        return enumReader(form.desc, form.texts, this.options.ignoreUnknown, name);
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
}

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

/** What JSON.parse makes, which is what protobuf-es reads. */
const withoutBigints = (json: unknown): unknown =>
  JSON.parse(JSON.stringify(json, (_, one: unknown) => (typeof one === "bigint" ? Number(one) : one)));

const isInt32 = (form: Form): boolean =>
  form.kind === "scalar" &&
  (form.type === ScalarType.INT32 || form.type === ScalarType.SINT32 || form.type === ScalarType.SFIXED32);

const isText = ({ form }: FieldShape): boolean => form.kind === "scalar" && form.type === ScalarType.STRING;

/** Most fields are text, so it is put into the message in one step. */
function textSetter({ field, key, form }: FieldShape): Setter {
  const read = scalarReader(ScalarType.STRING, form.kind === "scalar" ? form.as : "same", field.name);
  return (message, json, reading) => {
    if (typeof json === "string" && (reading.wellFormed || isWellFormed(json))) message[key] = json;
    else if (json !== null) message[key] = read(json);
  };
}
