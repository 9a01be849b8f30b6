import {
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  type Registry,
  ScalarType,
  toJson,
} from "@bufbuild/protobuf";
import { esShape, isLong } from "./es-shape.ts";
import { position, put, putAny, putBytes, putString, written } from "./out.ts";
import { enumPrinter, isRecord, type Printer, plainJson, scalarPrinter, wrong, zeroTest } from "./print-scalar.ts";
import { type FieldShape, type Form, hasOwnJson, type MessageShape, type Shapes } from "./shape.ts";
import { parseDuration, printDuration, printMask, printTimestamp } from "./well-known.ts";

/** How JSON is printed. */
export interface PrintOptions {
  /** The types that a google.protobuf.Any may hold, and extensions. */
  readonly registry: Registry;
  /** Whether zero values, empty lists and empty maps of fields without presence are printed. */
  readonly emitDefaults: boolean;
}

type Fields = { [key: string]: unknown };
/** Writes a field of a message that began before `start`, with a comma unless it is the first. */
type FieldPrinter = (message: Fields, start: number) => void;

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

  /** Prints a message as JSON text. Throws TypeError when it is no such message. */
  text(desc: DescMessage): (message: unknown) => string {
    const print = this.message(desc);
    return (message) => written(() => print(message));
  }

  /** Prints one field's value as JSON text, whatever its presence; a field that is not given is null. */
  field(desc: DescMessage, field: DescField): (message: unknown) => string {
    const shape = this.#shapes(desc);
    const print = this.#bare(shape.fields.find((one) => one.field === field) as FieldShape);
    return (message) => print(object(message, desc)) ?? "null";
  }

  /** The JSON text of a field's value alone; undefined when it is not given. */
  #bare(place: FieldShape): (message: object) => string | undefined {
    const print = this.#field(place, true);
    const { length } = `${JSON.stringify(place.field.jsonName)}:`;
    return (message) => {
      const text = written(() => print(message as Fields, position()));
      return text === "" ? undefined : text.slice(length);
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

  #fields(shape: MessageShape): (message: object) => void {
    const printers = shape.fields.map((place) => this.#field(place, this.#options.emitDefaults));
    const { length } = printers;
    const { desc, es } = shape;
    return (message) => {
      put("{");
      const start = position();
      for (let n = 0; n < length; n++) (printers[n] as FieldPrinter)(message as Fields, start);
      if (es && (message as Message).$unknown !== undefined) this.#extensions(desc, message, start);
      put("}");
    };
  }

  /** Extensions are rare, so protobuf-es prints them. */
  #extensions(desc: DescMessage, message: object, start: number): void {
    const { registry, emitDefaults } = this.#options;
    const unknown = (message as Message).$unknown ?? [];
    if (!unknown.some(({ no }) => registry.getExtensionFor(desc, no))) return;
    const all = toJson(desc, message as Message, { alwaysEmitImplicit: emitDefaults, registry }) as Fields;
    for (const [key, value] of Object.entries(all)) {
      if (!key.startsWith("[")) continue;
      if (position() !== start) put(",");
      putAny(`${JSON.stringify(key)}:${JSON.stringify(value)}`);
    }
  }

  #field(place: FieldShape, emitDefaults: boolean): FieldPrinter {
    const { field, key, union, presence, form } = place;
    const begin = beginning(field);
    if (field.fieldKind === "list" || field.fieldKind === "map") {
      const isList = field.fieldKind === "list";
      const print = isList ? this.#list(place) : this.#map(place);
      return (message, start) => {
        const value = message[key];
        const isUnset = (value == null && presence === "sparse") || isEmpty(value);
        if (isUnset && !emitDefaults) return;
        begin(start);
        if (isUnset) put(isList ? "[]" : "{}");
        else print(value);
      };
    }
    const print = this.value(form, field);
    if (union) {
      const { tag, name: member, value: at } = union;
      return (message, start) => {
        const chosen = message[key] as Fields | undefined | null;
        if (chosen == null || chosen[tag] !== member) return;
        begin(start);
        print(chosen[at]);
      };
    }
    if (presence === "own" || presence === "explicit" || presence === "defined") {
      return (message, start) => {
        const value = message[key];
        if (value === undefined || (value === null && presence === "explicit")) return;
        if (presence === "own" && !Object.hasOwn(message, key)) return;
        begin(start);
        print(value);
      };
    }
    const isZero = zeroTest(form);
    const zero = presence === "sparse" ? this.#zero(form) : "";
    const skipsZero = !emitDefaults || presence === "nonzero";
    return (message, start) => {
      const value = message[key];
      const isUnset = value == null && presence === "sparse";
      if (isUnset ? !emitDefaults : skipsZero && isZero(value)) return;
      begin(start);
      if (isUnset) putAny(zero);
      else print(value);
    };
  }

  #zero(form: Form): string {
    if (form.kind === "enum") {
      const print = enumPrinter(form.desc, undefined);
      return written(() => print(form.desc.values[0]?.number ?? 0));
    }
    if (form.kind !== "scalar") return "null";
    if (form.type === ScalarType.BOOL) return "false";
    if (form.type === ScalarType.STRING || form.type === ScalarType.BYTES) return '""';
    return isLong(form.type) ? '"0"' : "0";
  }

  #list({ field, form }: FieldShape): Printer {
    const print = this.value(form, field);
    return (value) => {
      if (!Array.isArray(value)) throw wrong(field, "a list", value);
      put("[");
      for (let n = 0; n < value.length; n++) {
        if (n > 0) put(",");
        print(value[n]);
      }
      put("]");
    };
  }

  #map({ field, form, map }: FieldShape): Printer {
    const print = this.value(form, field);
    const entry = (key: string, value: unknown, isFirst: boolean) => {
      if (!isFirst) put(",");
      putString(key);
      put(":");
      print(value);
    };
    return (value) => {
      if (typeof value !== "object" || value === null || map?.isMap !== value instanceof Map)
        throw wrong(field, "a map", value);
      put("{");
      const start = position();
      if (value instanceof Map) for (const [key, one] of value) entry(String(key), one, position() === start);
      else for (const key of Object.keys(value)) entry(key, (value as Fields)[key], position() === start);
      put("}");
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
          putString(printTimestamp(seconds, (ms - seconds * 1000) * 1e6));
        };
      case "duration":
        return (value) => {
          const { seconds, nanos } = parseDuration(value, field.name);
          putString(printDuration(seconds, nanos));
        };
      case "paths":
        return (value) => {
          if (!Array.isArray(value)) throw wrong(field, "a list of paths", value);
          putString(printMask(value));
        };
      case "plain":
        return (value) => {
          const fits =
            form.type === "Struct" ? isRecord(value) : form.type === "ListValue" ? Array.isArray(value) : true;
          if (!fits) throw wrong(field, `a google.protobuf.${form.type}`, value);
          plainJson(value);
        };
    }
  }

  #wellKnown(shape: MessageShape): (message: object) => void {
    const kind = shape.desc.typeName.slice("google.protobuf.".length);
    const get = (number: number) => getter(shape.fields.find(({ field }) => field.number === number) as FieldShape);
    if (kind === "Timestamp" || kind === "Duration") {
      const print = kind === "Timestamp" ? printTimestamp : printDuration;
      const [seconds, nanos] = [get(1), get(2)];
      return (message) => putString(print(Number(seconds(message)), Number(nanos(message) ?? 0)));
    }
    if (kind === "FieldMask") {
      const paths = get(1);
      return (message) => putString(printMask(paths(message) as string[]));
    }
    if (kind === "Any") return this.#any(get(1), get(2));
    const fields = shape.fields.map((place) => this.#bare(place));
    if (kind === "Value") {
      const number = get(2);
      return (message) => {
        const value = number(message);
        if (typeof value === "number" && !Number.isFinite(value))
          throw new TypeError("a google.protobuf.Value cannot be NaN or Infinity");
        const text = firstText(fields, message);
        if (text === undefined) throw new TypeError("a google.protobuf.Value must have a value");
        putAny(text);
      };
    }
    // Struct, ListValue and the wrappers are what their only field is.
    const [only] = fields;
    return (message) => putAny(only?.(message) ?? "null");
  }

  /** Source: google/protobuf/any.proto, "JSON". */
  #any(urlOf: (message: object) => unknown, bytesOf: (message: object) => unknown): (message: object) => void {
    const { registry } = this.#options;
    return (message) => {
      const url = urlOf(message);
      if (url === "" || url === undefined) {
        put("{}");
        return;
      }
      const desc = registry.getMessage(String(url).slice(String(url).lastIndexOf("/") + 1));
      if (!desc) throw new TypeError(`the type ${String(url)} of a google.protobuf.Any is not in the type registry`);
      const packed = fromBinary(desc, (bytesOf(message) as Uint8Array | undefined) ?? new Uint8Array());
      const json = this.#packed.text(desc)(packed);
      put('{"@type":');
      putString(String(url));
      if (hasOwnJson(desc)) putAny(`,"value":${json}}`);
      else putAny(json === "{}" ? "}" : `,${json.slice(1)}`);
    };
  }
}

function firstText(fields: readonly ((message: object) => string | undefined)[], message: object): string | undefined {
  for (const field of fields) {
    const text = field(message);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Writes the name of a field. */
function beginning({ jsonName }: DescField): (start: number) => void {
  const name = `${JSON.stringify(jsonName)}:`;
  const later = `,${name}`;
  if (Buffer.byteLength(name) !== name.length) return (start) => putAny(position() === start ? name : later);
  const [first, other] = [Buffer.from(name), Buffer.from(later)];
  return (start) => putBytes(position() === start ? first : other);
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (value instanceof Map) return value.size === 0;
  if (typeof value !== "object" || value === null) return false;
  for (const _ in value) return false;
  return true;
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

function object(value: unknown, desc: DescMessage): object {
  if (typeof value !== "object" || value === null)
    throw new TypeError(`expected ${desc.typeName}, got ${value === null ? "null" : typeof value}`);
  return value;
}
