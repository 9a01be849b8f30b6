import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { Codec } from "../core/spec.ts";

/** Reads one step of a path from a message. */
type Step = (message: object) => unknown;

/**
 * Compiles a dotted proto path such as `user.home_address` into a function that reads it from a message object,
 * whichever generator made that. The function returns undefined when a message on the way, or the field itself, is
 * not set.
 *
 * Throws when the codec knows its fields and the path is not among them, naming message and path.
 */
export function fieldReader(path: string, codec: Codec): (message: unknown) => unknown {
  const steps = "schema" in codec ? byDescriptor(path, codec.schema as DescMessage) : path.split(".").map(byName);
  const [first] = steps as [Step];
  if (steps.length === 1) return (message) => (isObject(message) ? first(message) : undefined);
  return (message) => {
    let value: unknown = message;
    for (const step of steps) {
      if (!isObject(value)) return undefined;
      value = step(value);
    }
    return value;
  };
}

/**
 * Compiles a field of the message itself into a function that sets it: on a copy, with the same prototype, so that the
 * caller's message stays as it was. The field must hold text and be no member of a oneof.
 *
 * Throws when the codec's messages have no such field, naming message and field.
 */
export function fieldWriter(name: string, codec: Codec): (message: unknown, value: string) => unknown {
  const key = "schema" in codec ? localName(name, codec.schema as DescMessage) : writtenName(name, codec);
  return (message, value) => {
    if (!isObject(message)) return message;
    const set = { value, writable: true, enumerable: true, configurable: true };
    return Object.create(Object.getPrototypeOf(message), { ...Object.getOwnPropertyDescriptors(message), [key]: set });
  };
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

const own = (message: object, name: string): unknown => (message as { readonly [name: string]: unknown })[name];

/** Messages of protobuf-es: the descriptor says what each field is called. */
function byDescriptor(path: string, schema: DescMessage): Step[] {
  let message: DescMessage | undefined = schema;
  return path.split(".").map((name) => {
    const field: DescField | undefined = message?.fields.find((one) => one.name === name);
    if (!field) throw new Error(`${schema.typeName} has no field ${path}: write the path as the proto file names it`);
    message = field.message;
    const { localName, oneof } = field;
    if (!oneof) return (from) => own(from, localName);
    return (from) => {
      const chosen = own(from, oneof.localName) as { readonly case?: string; readonly value?: unknown };
      return chosen.case === localName ? chosen.value : undefined;
    };
  });
}

function localName(name: string, schema: DescMessage): string {
  const field = schema.fields.find((one) => one.name === name);
  if (field && !field.oneof) return field.localName;
  throw new Error(
    `${schema.typeName} has no field ${name} that can be set by itself: write it as the proto file names it`,
  );
}

/**
 * The name that ts-proto's encoder looks at. An optional field need not be there to be seen, so it is tried: the right
 * name is the one under which a value makes the message longer.
 */
function writtenName(name: string, codec: Codec): string {
  const empty = codec.decode(new Uint8Array()) as object;
  const length = codec.encode(empty).length;
  const key = [camelCase(name), name].find((key) => codec.encode({ ...empty, [key]: "x" }).length > length);
  if (key !== undefined) return key;
  throw new Error(`${codec.typeName} has no field ${name} that takes text: write it as the proto file names it`);
}

/** Messages of ts-proto, which keep no descriptor: the field's name follows a convention. */
function byName(name: string): Step {
  const camel = camelCase(name);
  return (from) => {
    if (Object.hasOwn(from, camel)) return own(from, camel);
    if (Object.hasOwn(from, name)) return own(from, name);
    return member(from, camel) ?? member(from, name);
  };
}

/** The value of a oneof's member: ts-proto writes `{ $case, value }`, in older versions `{ $case, [member] }`. */
function member(message: object, name: string): unknown {
  for (const value of Object.values(message)) {
    if (isObject(value) && own(value, "$case") === name) return own(value, "value") ?? own(value, name);
  }
  return undefined;
}

/** As ts-proto does it: `page_size` is `pageSize`, `PAGE_SIZE` too, `pageSize` stays. */
function camelCase(name: string): string {
  if (!name.includes("_")) return name;
  const words = (/[a-z]/.test(name) ? name : name.toLowerCase()).split("_");
  return words.map((word, n) => (n === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join("");
}
