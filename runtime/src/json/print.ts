import { type DescField, type DescMessage, type Message, type Registry, ScalarType, toJson } from "@bufbuild/protobuf";
import { esShape, isLong } from "./es-shape.ts";
import { enclose, position, put, putAny, putByte, putBytes, putString, putText, written } from "./out.ts";
import type { Fields } from "./place.ts";
import { ownPrinter } from "./print-own.ts";
import { enumPrinter, isRecord, type Printer, plainJson, scalarPrinter, wrong, zeroTest } from "./print-scalar.ts";
import { putTimestamp } from "./print-time.ts";
import { type FieldShape, type Form, hasOwnJson, type MessageShape, type Shapes } from "./shape.ts";
import { parseDuration, printDuration, printMask } from "./well-known.ts";

/** How JSON is printed. */
export interface PrintOptions {
  /** The types that a google.protobuf.Any may hold, and extensions. */
  readonly registry: Registry;
  /** Whether zero values, empty lists and empty maps of fields without presence are printed. */
  readonly emitDefaults: boolean;
}

/** Writes a field of a message after a comma, or nothing. */
type FieldPrinter = (message: Fields) => void;

const comma = Buffer.from(",");
const colon = Buffer.from(":");

/** Compiles printers, each message type at its first use. */
export class Printers {
  /** What is printed, and how. */
  readonly options: PrintOptions;
  readonly #shapes: Shapes;
  readonly #compiled = new Map<DescMessage, Printer>();
  #es: Printers | undefined;

  constructor(shapes: Shapes, options: PrintOptions) {
    this.#shapes = shapes;
    this.options = options;
  }

  /** The printer of a message. */
  message(desc: DescMessage): Printer {
    let printer = this.#compiled.get(desc);
    if (!printer) {
      let print: ((message: object) => void) | undefined;
      let typeName: string | undefined;
      // Types may contain themselves, so what is handed out is compiled at its first use.
      printer = (value) => {
        if (print === undefined) {
          const shape = this.#shapes(desc);
          typeName = shape.es ? desc.typeName : undefined;
          print = hasOwnJson(desc) ? ownPrinter(this, shape) : this.#fields(shape);
        }
        const message = object(value, desc);
        if (typeName !== undefined && (message as Fields).$typeName !== typeName)
          throw new TypeError(`expected ${typeName}, got ${String((message as Fields).$typeName)}`);
        print(message);
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
    const print = this.bare(shape.fields.find((one) => one.field === field) as FieldShape);
    return (message) => print(object(message, desc)) ?? "null";
  }

  /** The JSON text of a field's value alone; undefined when it is not given. */
  bare(place: FieldShape): (message: object) => string | undefined {
    const print = this.#field(place, true);
    const { length } = `,${JSON.stringify(place.field.jsonName)}:`;
    return (message) => {
      const text = written(() => print(message as Fields));
      return text === "" ? undefined : text.slice(length);
    };
  }

  /** Prints a message of protobuf-es as JSON text, which is what an Any packs. */
  packed(desc: DescMessage): (message: unknown) => string {
    this.#es ??= this.#shapes === esShape ? this : new Printers(esShape, this.options);
    return this.#es.text(desc);
  }

  #fields(shape: MessageShape): (message: object) => void {
    const printers = shape.fields.map((place) => this.#field(place, this.options.emitDefaults));
    const { length } = printers;
    const { desc, es } = shape;
    return (message) => {
      const start = position();
      for (let n = 0; n < length; n++) (printers[n] as FieldPrinter)(message as Fields);
      if (es && (message as Message).$unknown !== undefined) this.#extensions(desc, message);
      enclose(start, 0x7b, 0x7d);
    };
  }

  /** Extensions are rare, so protobuf-es prints them. */
  #extensions(desc: DescMessage, message: object): void {
    const { registry, emitDefaults } = this.options;
    const unknown = (message as Message).$unknown ?? [];
    if (!unknown.some(({ no }) => registry.getExtensionFor(desc, no))) return;
    const all = toJson(desc, message as Message, { alwaysEmitImplicit: emitDefaults, registry }) as Fields;
    for (const [key, value] of Object.entries(all)) {
      if (key.startsWith("[")) putAny(`,${JSON.stringify(key)}:${JSON.stringify(value)}`);
    }
  }

  #field(place: FieldShape, emitDefaults: boolean): FieldPrinter {
    const { field, key, union, presence, form } = place;
    const name = `,${JSON.stringify(field.jsonName)}:`;
    const head = Buffer.from(name);
    const isPlain = head.length === name.length;
    const begin = isPlain ? () => putBytes(head) : () => putAny(name);
    if (field.fieldKind === "list" || field.fieldKind === "map") {
      const isList = field.fieldKind === "list";
      const print = isList ? this.#list(place) : this.#map(place);
      return (message) => {
        const value = message[key];
        const isUnset = (value == null && presence === "sparse") || isEmpty(value);
        if (isUnset && !emitDefaults) return;
        begin();
        if (isUnset) put(isList ? "[]" : "{}");
        else print(value);
      };
    }
    const print = this.value(form, field);
    if (union) {
      const { tag, name: member, value: at } = union;
      return (message) => {
        const chosen = message[key] as Fields | undefined | null;
        if (chosen == null || chosen[tag] !== member) return;
        begin();
        print(chosen[at]);
      };
    }
    if (presence === "own" || presence === "explicit" || presence === "defined") {
      return (message) => {
        const value = message[key];
        if (value === undefined || (value === null && presence === "explicit")) return;
        if (presence === "own" && !Object.hasOwn(message, key)) return;
        begin();
        print(value);
      };
    }
    const isZero = zeroTest(form);
    const zero = presence === "sparse" ? this.#zero(form) : "";
    const skipsZero = !emitDefaults || presence === "nonzero";
    const printAny: FieldPrinter = (message) => {
      const value = message[key];
      const isUnset = value == null && presence === "sparse";
      if (isUnset ? !emitDefaults : skipsZero && isZero(value)) return;
      begin();
      if (isUnset) putAny(zero);
      else print(value);
    };
    if (!isPlain || form.kind !== "scalar" || form.type !== ScalarType.STRING) return printAny;
    // Most fields are texts.
    return (message) => {
      const value = message[key];
      if (typeof value !== "string") printAny(message);
      else if (value !== "" || !skipsZero) putText(head, value);
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
    const isText = form.kind === "scalar" && form.type === ScalarType.STRING;
    return (value) => {
      if (!Array.isArray(value)) throw wrong(field, "a list", value);
      const start = position();
      for (let n = 0; n < value.length; n++) {
        const one: unknown = value[n];
        if (isText && typeof one === "string") putText(comma, one);
        else {
          putByte(0x2c);
          print(one);
        }
      }
      enclose(start, 0x5b, 0x5d);
    };
  }

  #map({ field, form, map }: FieldShape): Printer {
    const print = this.value(form, field);
    const isText = form.kind === "scalar" && form.type === ScalarType.STRING;
    const entry = (key: string, value: unknown) => {
      putText(comma, key);
      if (isText && typeof value === "string") putText(colon, value);
      else {
        putByte(0x3a);
        print(value);
      }
    };
    return (value) => {
      if (typeof value !== "object" || value === null || map?.isMap !== value instanceof Map)
        throw wrong(field, "a map", value);
      const start = position();
      if (value instanceof Map) for (const [key, one] of value) entry(String(key), one);
      else for (const key of Object.keys(value)) entry(key, (value as Fields)[key]);
      enclose(start, 0x7b, 0x7d);
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
          // Date.parse takes a number for a year or a month.
          const ms =
            value instanceof Date ? value.getTime() : typeof value === "string" ? Date.parse(value) : Number.NaN;
          if (Number.isNaN(ms)) throw wrong(field, "a time", value);
          const seconds = Math.floor(ms / 1000);
          putTimestamp(seconds, (ms - seconds * 1000) * 1e6);
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
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (value instanceof Map) return value.size === 0;
  if (typeof value !== "object" || value === null) return false;
  for (const _ in value) return false;
  return true;
}

function object(value: unknown, desc: DescMessage): object {
  if (typeof value !== "object" || value === null)
    throw new TypeError(`expected ${desc.typeName}, got ${value === null ? "null" : typeof value}`);
  return value;
}
