import type { DescField, DescMessage, Message, Registry } from "@bufbuild/protobuf";
import { DirectReaders } from "./direct.ts";
import { esShape } from "./es-shape.ts";
import { Printers } from "./print.ts";
import { Readers } from "./read.ts";
import { isWellFormed } from "./read-scalar.ts";
import type { Reading } from "./reading.ts";
import type { Shapes } from "./shape.ts";
import { checkKeys, parseJson } from "./text.ts";

/** How JSON is read and printed. */
export interface JsonOptions {
  /** The types that a google.protobuf.Any may hold, and extensions. */
  readonly registry: Registry;
  /** Whether keys and enum names that the schema does not have are passed over. Default: they are errors. */
  readonly ignoreUnknown?: boolean;
  /** Whether zero values, empty lists and empty maps of fields without presence are printed. Default: false. */
  readonly emitDefaults?: boolean;
}

/** ProtoJSON of one message type, straight between text and the message objects of one generator. */
export interface JsonCodec<T = unknown> {
  /** Throws JsonError. Refuses duplicate keys. */
  parse(text: string): T;
  /**
   * Reads what JSON.parse or parseExactly makes, or a tree made by hand, in which a bytes field may be a Uint8Array and a
   * FieldMask MaskPaths. Throws JsonError.
   */
  read(tree: unknown): T;
  /** Throws TypeError when it is no such message. */
  print(message: T): string;
  /** Prints one field; null when it is not given. Throws TypeError when it is no such message. */
  printField(name: string): (message: T) => string;
}

/** The codec of a message whose generator holds messages in these shapes. Each type is compiled when it is first met. */
export function compileJson(desc: DescMessage, shapes: Shapes, options: JsonOptions): JsonCodec {
  const { registry, ignoreUnknown = false, emitDefaults = false } = options;
  const readers = new Readers(shapes, { registry, ignoreUnknown });
  const read = readers.message(desc);
  const readText = new DirectReaders(shapes, readers, ignoreUnknown).text(desc);
  const printers = new Printers(shapes, { registry, emitDefaults });
  return {
    parse(text) {
      const direct = readText(text);
      if (direct !== undefined) return direct;
      // Half a surrogate pair is in the text as it is, or escaped.
      const wellFormed = !text.includes("\\u") && isWellFormed(text);
      const reading: Reading = { keys: 0, depth: 0, wellFormed };
      const message = read(parseJson(text), reading, "");
      checkKeys(text, reading.keys);
      return message;
    },
    read: (tree) => read(tree, { keys: 0, depth: 0, wellFormed: false }, ""),
    print: printers.text(desc),
    printField(name) {
      const field = desc.fields.find((one) => one.name === name);
      if (!field) throw new Error(`${desc.typeName} has no field ${name}: generate the code again`);
      return printers.field(desc, field);
    },
  };
}

/** The codec of a message of protobuf-es. */
export const esJson = (desc: DescMessage, options: JsonOptions): JsonCodec<Message> =>
  compileJson(desc, esShape, options) as JsonCodec<Message>;

/** Compiles a check of JSON for one field: it throws JsonError for what the field cannot hold. */
export function fieldCheck(field: DescField, registry: Registry): (json: unknown) => void {
  const shape = esShape(field.parent);
  const set = new Readers(esShape, { registry, ignoreUnknown: false }).setter(shape, field);
  return (json) => set(shape.make() as { [key: string]: unknown }, json, { keys: 0, depth: 0, wellFormed: false });
}
