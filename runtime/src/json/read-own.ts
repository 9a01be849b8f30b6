import { type DescField, type DescMessage, type Message, type Registry, toBinary } from "@bufbuild/protobuf";
import { JsonError, show } from "./error.ts";
import { type Fields, putter } from "./place.ts";
import type { Reader, Setter } from "./reading.ts";
import { type FieldShape, hasOwnJson, type MessageShape } from "./shape.ts";
import { countKeys } from "./text.ts";
import { parseDuration, parseMask, parseTimestamp } from "./well-known.ts";

/** What such a message is read with. */
interface Readers {
  /** The types that a google.protobuf.Any may hold. */
  readonly options: { readonly registry: Registry };
  /** Puts the JSON of one field into a message. */
  setter(shape: MessageShape, field: DescField): Setter;
  /** The reader of a message that an Any packs. */
  packed(desc: DescMessage): Reader;
}

/** The reader of a message with a JSON form of its own. */
export function ownReader(readers: Readers, shape: MessageShape): Reader {
  return shape.desc.typeName === "google.protobuf.Any" ? anyReader(readers, shape) : outside(wellKnown(readers, shape));
}

function wellKnown(readers: Readers, shape: MessageShape): Reader {
  const { desc, make } = shape;
  const kind = desc.typeName.slice("google.protobuf.".length);
  const put = (number: number) => {
    const place = shape.fields.find(({ field }) => field.number === number) as FieldShape;
    return { set: putter(place), read: readers.setter(shape, place.field) };
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
        typeof json === "number" || typeof json === "bigint"
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
function anyReader(readers: Readers, shape: MessageShape): Reader {
  const { registry } = readers.options;
  const make = shape.make as () => Fields;
  const [putUrl, readBytes] = shape.fields.map((place) => readers.setter(shape, place.field)) as [Setter, Setter];
  return (json, reading, name) => {
    if (typeof json !== "object" || json === null || Array.isArray(json) || json instanceof Uint8Array)
      throw new JsonError(name, `is no google.protobuf.Any: ${show(json)}`);
    const message = make();
    const { "@type": url, ...others } = json as Fields;
    if (url === undefined && Object.keys(others).length === 0) return message;
    if (typeof url !== "string" || url === "") throw new JsonError(name, 'is no google.protobuf.Any: "@type" is empty');
    const desc = registry.getMessage(url.slice(url.lastIndexOf("/") + 1));
    if (!desc) throw new JsonError(name, `is no google.protobuf.Any: ${show(url)} is not in the type registry`);
    reading.keys++;
    let content: unknown = others;
    if (hasOwnJson(desc) && Object.hasOwn(others, "value")) {
      const { value, ...rest } = others;
      reading.keys += 1 + countKeys(rest);
      content = value;
    }
    const packed = readers.packed(desc)(content, reading, name) as Message;
    putUrl(message, url.includes("/") ? url : `type.googleapis.com/${url}`, reading);
    readBytes(message, toBinary(desc, packed), reading);
    return message;
  };
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
