import {
  type DescEnum,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  type Registry,
  ScalarType,
  toJson,
} from "@bufbuild/protobuf";
import { esShape, isLong } from "./es-shape.ts";
import { type EnumTexts, type FieldShape, type Form, hasOwnJson, type MessageShape, type Shapes } from "./shape.ts";
import { isPlain, quote } from "./text.ts";
import { parseDuration, printDuration, printMask, printTimestamp } from "./well-known.ts";

/** How JSON is printed. */
export interface PrintOptions {
  /** The types that a google.protobuf.Any may hold, and extensions. */
  readonly registry: Registry;
  /** Whether zero values, empty lists and empty maps of fields without presence are printed. */
  readonly emitDefaults: boolean;
}

/** Prints a value as JSON text. Throws TypeError when it is no such value. */
export type Printer = (value: unknown) => string;

type Fields = { [key: string]: unknown };
/** Adds a field to the text of a message that begins with its brace. */
type FieldPrinter = (message: Fields, text: string) => string;

/** Compiles printers, each message type at its first use. */
export class Printers {
  readonly #shapes: Shapes;
  readonly #options: PrintOptions;
  readonly #compiled = new Map<DescMessage, Printer>();
  #es: Printers | undefined;

  constructor(shapes: Shapes, options: PrintOptions) {
    this.#shapes = shapes;
    this.#options = options;
  }

  /** The printer of a message. */
  message(desc: DescMessage): Printer {
    let printer = this.#compiled.get(desc);
    if (!printer) {
      let own: Printer | undefined;
      // Types may contain themselves, so what is handed out looks the printer up.
      printer = (value) => {
        own ??= this.#compile(desc);
        return own(value);
      };
      this.#compiled.set(desc, printer);
    }
    return printer;
  }

  /** Prints one field's value, whatever its presence; a field that is not given is null. */
  field(desc: DescMessage, field: DescField): Printer {
    const shape = this.#shapes(desc);
    const place = shape.fields.find((one) => one.field === field) as FieldShape;
    const start = `{${JSON.stringify(field.jsonName)}:`;
    const print = this.#field(place, true);
    return (message) => {
      const text = print(object(message, desc) as Fields, "{");
      return text === "{" ? "null" : text.slice(start.length);
    };
  }

  /** Printers for messages of protobuf-es, which is what an Any packs. */
  get #packed(): Printers {
    this.#es ??= this.#shapes === esShape ? this : new Printers(esShape, this.#options);
    return this.#es;
  }

  #compile(desc: DescMessage): Printer {
    const shape = this.#shapes(desc);
    const print = hasOwnJson(desc) ? this.#wellKnown(shape) : this.#fields(shape);
    const { typeName } = desc;
    if (!shape.es) return (value) => print(object(value, desc));
    return (value) => {
      const message = object(value, desc);
      if ((message as Fields).$typeName !== typeName)
        throw new TypeError(`expected ${typeName}, got ${String((message as Fields).$typeName)}`);
      return print(message);
    };
  }

  #fields(shape: MessageShape): (message: object) => string {
    const printers = shape.fields.map((place) => this.#field(place, this.#options.emitDefaults));
    const { length } = printers;
    const plain = (message: Fields): string => {
      let text = "{";
      for (let n = 0; n < length; n++) text = (printers[n] as FieldPrinter)(message, text);
      return text;
    };
    if (!shape.es) return (message) => `${plain(message as Fields)}}`;
    return (message) => {
      const text = plain(message as Fields);
      return (message as Message).$unknown === undefined
        ? `${text}}`
        : `${this.#extensions(shape.desc, message, text)}}`;
    };
  }

  /** Extensions are rare, so protobuf-es prints them. */
  #extensions(desc: DescMessage, message: object, text: string): string {
    const { registry } = this.#options;
    const unknown = (message as Message).$unknown ?? [];
    if (!unknown.some(({ no }) => registry.getExtensionFor(desc, no))) return text;
    let all = text;
    for (const [key, value] of Object.entries(toJson(desc, message as Message, { ...this.#es2, registry }) as Fields)) {
      if (key.startsWith("[")) all += `${all === "{" ? "" : ","}${JSON.stringify(key)}:${JSON.stringify(value)}`;
    }
    return all;
  }

  get #es2() {
    return { alwaysEmitImplicit: this.#options.emitDefaults };
  }

  #field(place: FieldShape, emitDefaults: boolean): FieldPrinter {
    const { field, key, union, presence, form } = place;
    const name = `${JSON.stringify(field.jsonName)}:`;
    const later = `,${name}`;
    if (field.fieldKind === "list" || field.fieldKind === "map") {
      const print = field.fieldKind === "list" ? this.#list(place) : this.#map(place);
      const empty = field.fieldKind === "list" ? "[]" : "{}";
      return (message, text) => {
        const value = message[key];
        const json = value == null && presence === "sparse" ? empty : print(value);
        if (json === empty && !emitDefaults) return text;
        return text.length === 1 ? text + name + json : text + later + json;
      };
    }
    if (presence === "implicit" && !union && form.kind === "scalar" && form.type === ScalarType.STRING)
      return textPrinter(key, field, emitDefaults);
    if (presence === "implicit" && !union && form.kind === "scalar" && isLong(form.type) && form.as === "bigint")
      return bigintPrinter(key, field, emitDefaults);
    const print = this.value(form, field);
    if (union) {
      const { tag, name: member, value: at } = union;
      return (message, text) => {
        const chosen = message[key] as Fields | undefined | null;
        if (chosen == null || chosen[tag] !== member) return text;
        return text + (text.length === 1 ? name : later) + print(chosen[at]);
      };
    }
    if (presence === "own" || presence === "explicit" || presence === "defined") {
      return (message, text) => {
        const value = message[key];
        if (value === undefined || (value === null && presence === "explicit")) return text;
        if (presence === "own" && !Object.hasOwn(message, key)) return text;
        return text + (text.length === 1 ? name : later) + print(value);
      };
    }
    const isZero = zeroTest(form);
    const zero = presence === "sparse" ? this.#zero(form) : "";
    return (message, text) => {
      const value = message[key];
      if (value == null && presence === "sparse")
        return emitDefaults ? text + (text.length === 1 ? name : later) + zero : text;
      if ((!emitDefaults || presence === "nonzero") && isZero(value)) return text;
      return text + (text.length === 1 ? name : later) + print(value);
    };
  }

  #zero(form: Form): string {
    if (form.kind === "enum") return enumPrinter(form.desc, undefined)(form.desc.values[0]?.number ?? 0);
    if (form.kind !== "scalar") return "null";
    if (form.type === ScalarType.BOOL) return "false";
    if (form.type === ScalarType.STRING || form.type === ScalarType.BYTES) return '""';
    return isLong(form.type) ? '"0"' : "0";
  }

  #list({ field, form }: FieldShape): Printer {
    const print = this.value(form, field);
    return (value) => {
      if (!Array.isArray(value)) throw wrong(field, "a list", value);
      if (value.length === 0) return "[]";
      let text = `[${print(value[0])}`;
      for (let n = 1; n < value.length; n++) text += `,${print(value[n])}`;
      return `${text}]`;
    };
  }

  #map({ field, form, map }: FieldShape): Printer {
    const print = this.value(form, field);
    return (value) => {
      if (typeof value !== "object" || value === null || map?.isMap !== value instanceof Map)
        throw wrong(field, "a map", value);
      let text = "{";
      if (value instanceof Map) {
        for (const [key, one] of value) text += `${text === "{" ? "" : ","}${quote(String(key))}:${print(one)}`;
      } else {
        for (const key of Object.keys(value))
          text += `${text === "{" ? "" : ","}${quote(key)}:${print((value as Fields)[key])}`;
      }
      return `${text}}`;
    };
  }

  /** Prints one value of this form. */
  value(form: Form, field: DescField): Printer {
    switch (form.kind) {
      case "scalar":
        return scalarPrinter(form.type, field);
      case "enum":
        return enumPrinter(form.desc, form.texts);
      case "message":
        return this.message(form.desc);
      case "wrapped":
        return this.value(form.inner, field);
      case "date":
      case "iso":
        return (value) => {
          const ms = form.kind === "date" && value instanceof Date ? value.getTime() : Date.parse(String(value));
          if (Number.isNaN(ms)) throw wrong(field, "a time", value);
          const seconds = Math.floor(ms / 1000);
          return `"${printTimestamp(seconds, (ms - seconds * 1000) * 1e6)}"`;
        };
      case "duration":
        return (value) => {
          const { seconds, nanos } = parseDuration(value, field.name);
          return `"${printDuration(seconds, nanos)}"`;
        };
      case "paths":
        return (value) => {
          if (!Array.isArray(value)) throw wrong(field, "a list of paths", value);
          return quote(printMask(value));
        };
      case "plain":
        return (value) => {
          const fits =
            form.type === "Struct" ? isRecord(value) : form.type === "ListValue" ? Array.isArray(value) : true;
          if (!fits) throw wrong(field, `a google.protobuf.${form.type}`, value);
          return plainJson(value);
        };
    }
  }

  #wellKnown(shape: MessageShape): (message: object) => string {
    const kind = shape.desc.typeName.slice("google.protobuf.".length);
    const get = (number: number) => getter(shape.fields.find(({ field }) => field.number === number) as FieldShape);
    if (kind === "Timestamp" || kind === "Duration") {
      const print = kind === "Timestamp" ? printTimestamp : printDuration;
      const [seconds, nanos] = [get(1), get(2)];
      return (message) => `"${print(Number(seconds(message)), Number(nanos(message) ?? 0))}"`;
    }
    if (kind === "FieldMask") {
      const paths = get(1);
      return (message) => quote(printMask(paths(message) as string[]));
    }
    if (kind === "Any") return this.#any(get(1), get(2));
    const own = shape.fields.map((place) => ({ place, print: this.#field(place, true) }));
    const start = (place: FieldShape) => `{${JSON.stringify(place.field.jsonName)}:`.length;
    if (kind === "Value") {
      const kinds = own.map(({ place, print }) => ({ print, start: start(place) }));
      return (message) => {
        for (const { print, start } of kinds) {
          const text = print(message as Fields, "{");
          if (text === "{") continue;
          if (text.startsWith('"', start) && /^"(?:NaN|-?Infinity)"$/.test(text.slice(start)) && isNumber(message, own))
            break;
          return text.slice(start);
        }
        throw new TypeError("a google.protobuf.Value must have a value, and no NaN or Infinity");
      };
    }
    // Struct, ListValue and the wrappers are what their only field is.
    const [only] = own as [(typeof own)[number]];
    const from = start(only.place);
    return (message) => only.print(message as Fields, "{").slice(from);
  }

  /** Source: google/protobuf/any.proto, "JSON". */
  #any(urlOf: (message: object) => unknown, bytesOf: (message: object) => unknown): (message: object) => string {
    const { registry } = this.#options;
    return (message) => {
      const url = urlOf(message);
      if (url === "" || url === undefined) return "{}";
      const desc = registry.getMessage(String(url).slice(String(url).lastIndexOf("/") + 1));
      if (!desc) throw new TypeError(`the type ${String(url)} of a google.protobuf.Any is not in the type registry`);
      const packed = fromBinary(desc, (bytesOf(message) as Uint8Array | undefined) ?? new Uint8Array());
      const json = this.#packed.message(desc)(packed);
      const start = `{"@type":${quote(String(url))}`;
      if (hasOwnJson(desc)) return `${start},"value":${json}}`;
      return json === "{}" ? `${start}}` : `${start},${json.slice(1)}`;
    };
  }
}

/** Most fields are text, so it is printed in one step. */
function textPrinter(key: string, field: DescField, emitDefaults: boolean): FieldPrinter {
  const name = `${JSON.stringify(field.jsonName)}:`;
  const plain = `${name}"`;
  const laterName = `,${name}`;
  const later = `,${plain}`;
  return (message, text) => {
    const value = message[key];
    if (typeof value !== "string") throw wrong(field, "a string", value);
    if (value === "" && !emitDefaults) return text;
    if (isPlain(value)) return `${text.length === 1 ? text + plain : text + later}${value}"`;
    return text + (text.length === 1 ? name : laterName) + JSON.stringify(value);
  };
}

/** 64-bit numbers are text in JSON. */
function bigintPrinter(key: string, field: DescField, emitDefaults: boolean): FieldPrinter {
  const name = `${JSON.stringify(field.jsonName)}:"`;
  const later = `,${name}`;
  return (message, text) => {
    const value = message[key];
    if (typeof value !== "bigint") throw wrong(field, "a bigint", value);
    if (value === 0n && !emitDefaults) return text;
    return `${text.length === 1 ? text + name : text + later}${value}"`;
  };
}

/** Reads a field from a message; undefined when it is not given. */
export function getter({ key, union }: FieldShape): (message: object) => unknown {
  if (!union) return (message) => (message as Fields)[key];
  const { tag, name, value } = union;
  return (message) => {
    const chosen = (message as Fields)[key] as Fields | undefined | null;
    return chosen != null && chosen[tag] === name ? chosen[value] : undefined;
  };
}

/** True when the member number_value of a Value is what was printed. */
const isNumber = (message: object, own: readonly { readonly place: FieldShape }[]): boolean => {
  const place = own.find(({ place: { field } }) => field.number === 2)?.place;
  return place !== undefined && typeof getter(place)(message) === "number";
};

const isRecord = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

function object(value: unknown, desc: DescMessage): object {
  if (typeof value !== "object" || value === null)
    throw new TypeError(`expected ${desc.typeName}, got ${value === null ? "null" : typeof value}`);
  return value;
}

const wrong = (field: DescField, what: string, value: unknown) =>
  new TypeError(`${String(field)} must be ${what}, and is ${value === null ? "null" : typeof value}`);

function scalarPrinter(type: ScalarType, field: DescField): Printer {
  switch (type) {
    case ScalarType.STRING:
      return (value) => {
        if (typeof value !== "string") throw wrong(field, "a string", value);
        return quote(value);
      };
    case ScalarType.BOOL:
      return (value) => {
        if (typeof value !== "boolean") throw wrong(field, "a boolean", value);
        return value ? "true" : "false";
      };
    case ScalarType.BYTES:
      return (value) => {
        if (!(value instanceof Uint8Array)) throw wrong(field, "bytes", value);
        return `"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")}"`;
      };
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return (value) => {
        if (typeof value !== "number") throw wrong(field, "a number", value);
        return Number.isFinite(value) ? String(value) : `"${value}"`;
      };
    default:
      if (isLong(type)) {
        return (value) => {
          if (typeof value === "bigint" || Number.isInteger(value)) return `"${value}"`;
          // Text, or an object that holds 64 bits.
          const text = typeof value === "string" || isRecord(value) ? String(value) : "";
          if (!/^-?\d+$/.test(text)) throw wrong(field, "a whole number", value);
          return `"${text}"`;
        };
      }
      return (value) => {
        if (typeof value !== "number" || !Number.isInteger(value)) throw wrong(field, "a whole number", value);
        return String(value + 0);
      };
  }
}

function enumPrinter(desc: DescEnum, texts: EnumTexts | undefined): Printer {
  if (desc.typeName === "google.protobuf.NullValue") return () => "null";
  const names = new Map<unknown, string>();
  for (const { number, jsonName } of desc.values) if (!names.has(number)) names.set(number, JSON.stringify(jsonName));
  return (value) => {
    const number = texts ? (texts.byText.get(value) ?? -1) : value;
    if (typeof number !== "number" || !Number.isInteger(number))
      throw new TypeError(`a value of ${desc.typeName} must be a number, and is ${typeof value}`);
    return names.get(number) ?? String(number);
  };
}

/** Whether a value is what a field without presence has when it is not given. */
function zeroTest(form: Form): (value: unknown) => boolean {
  if (form.kind === "enum") {
    const zero = form.desc.values[0]?.number;
    const text = form.texts ? form.texts.byNumber.get(zero as number) : zero;
    return (value) => value === text;
  }
  if (form.kind !== "scalar") return () => false;
  switch (form.type) {
    case ScalarType.STRING:
      return (value) => value === "";
    case ScalarType.BOOL:
      return (value) => value === false;
    case ScalarType.BYTES:
      return (value) => (value as Uint8Array | undefined)?.length === 0;
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return (value) => Object.is(value, 0);
    default:
      return (value) => value === 0 || value === 0n || String(value) === "0";
  }
}

/** JSON of a Struct, Value or ListValue. Throws TypeError for what JSON does not have. */
function plainJson(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "boolean":
      return value ? "true" : "false";
    case "number":
      if (!Number.isFinite(value)) throw new TypeError("a google.protobuf.Value cannot be NaN or Infinity");
      return String(value);
    case "object": {
      if (value === null) return "null";
      if (Array.isArray(value)) return `[${value.map(plainJson).join(",")}]`;
      return `{${Object.keys(value)
        .map((key) => `${quote(key)}:${plainJson((value as Fields)[key])}`)
        .join(",")}}`;
    }
    default:
      throw new TypeError("a google.protobuf.Value must have a value");
  }
}
