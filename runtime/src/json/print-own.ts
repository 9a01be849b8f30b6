import { type DescMessage, fromBinary, type Registry } from "@bufbuild/protobuf";
import { put, putAny, putString } from "./out.ts";
import { getter } from "./place.ts";
import { putTimestamp } from "./print-time.ts";
import { type FieldShape, hasOwnJson, type MessageShape } from "./shape.ts";
import { printDuration, printMask } from "./well-known.ts";

/** What such a message is printed with. */
interface Printers {
  /** The types that a google.protobuf.Any may hold. */
  readonly options: { readonly registry: Registry };
  /** The JSON text of a field's value alone; undefined when it is not given. */
  bare(place: FieldShape): (message: object) => string | undefined;
  /** Prints a message that an Any packs. */
  packed(desc: DescMessage): (message: unknown) => string;
}

/** The printer of a message with a JSON form of its own. It throws TypeError for what has none. */
export function ownPrinter(printers: Printers, shape: MessageShape): (message: object) => void {
  const kind = shape.desc.typeName.slice("google.protobuf.".length);
  const get = (number: number) => getter(shape.fields.find(({ field }) => field.number === number) as FieldShape);
  if (kind === "Timestamp" || kind === "Duration") {
    const print = kind === "Timestamp" ? putTimestamp : putDuration;
    const [seconds, nanos] = [get(1), get(2)];
    return (message) => print(Number(seconds(message)), Number(nanos(message) ?? 0));
  }
  if (kind === "FieldMask") {
    const paths = get(1);
    return (message) => putString(printMask(paths(message) as string[]));
  }
  if (kind === "Any") return anyPrinter(printers, get(1), get(2));
  const fields = shape.fields.map((place) => printers.bare(place));
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
function anyPrinter(
  printers: Printers,
  urlOf: (message: object) => unknown,
  bytesOf: (message: object) => unknown,
): (message: object) => void {
  const { registry } = printers.options;
  return (message) => {
    const url = urlOf(message);
    if (url === "" || url === undefined) {
      put("{}");
      return;
    }
    const desc = registry.getMessage(String(url).slice(String(url).lastIndexOf("/") + 1));
    if (!desc) throw new TypeError(`the type ${String(url)} of a google.protobuf.Any is not in the type registry`);
    const packed = fromBinary(desc, (bytesOf(message) as Uint8Array | undefined) ?? new Uint8Array());
    const json = printers.packed(desc)(packed);
    put('{"@type":');
    putString(String(url));
    if (hasOwnJson(desc)) putAny(`,"value":${json}}`);
    else putAny(json === "{}" ? "}" : `,${json.slice(1)}`);
  };
}

const putDuration = (seconds: number, nanos: number): void => putString(printDuration(seconds, nanos));

function firstText(fields: readonly ((message: object) => string | undefined)[], message: object): string | undefined {
  for (const field of fields) {
    const text = field(message);
    if (text !== undefined) return text;
  }
  return undefined;
}
