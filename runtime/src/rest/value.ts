/** What `JSON.parse` returns. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/** How values of one type go into ProtoJSON and come out of it. Both ways throw `JsonProblem`. */
export interface ValueType {
  /** What a field without presence is when it is absent. Undefined for types whose fields know their presence. */
  readonly zero: unknown;
  write(value: unknown): Json;
  /** Never given null, except for types that `takesNull`. */
  read(json: Json): unknown;
  /** True for types in which null is a value of its own. */
  readonly takesNull?: boolean;
  /** The fields by proto name, for messages whose JSON is an object of them. */
  readonly fields?: () => ReadonlyMap<string, Field>;
  /** True when the JSON may be an object or a list although the type has no fields. */
  readonly free?: boolean;
  /** True for `google.api.HttpBody`: its bytes are the body. */
  readonly raw?: boolean;
}

/** One field of a message. */
export interface Field {
  /** Name in the proto file. */
  readonly name: string;
  /** Name in ProtoJSON. */
  readonly json: string;
  /** Name in the generated message. */
  readonly key: string;
  readonly label: "single" | "optional" | "repeated" | "map" | "oneof";
  /** Property that holds the chosen member of its oneof, where messages have one. */
  readonly oneof: string | undefined;
  readonly type: ValueType;
  /** Of a map's keys. */
  readonly keys: ValueType | undefined;
  /** True when a map is held as a `Map`. */
  readonly isMap: boolean;
}

/** A value that ProtoJSON or the message cannot hold. */
export class JsonProblem extends Error {
  override readonly name = "JsonProblem";
  /** The fields on the way to the value. Fields add themselves in front. */
  readonly path: readonly string[];
  readonly reason: string;

  constructor(reason: string, path: readonly string[] = [], cause?: unknown) {
    super(path.length === 0 ? reason : `${path.join(".")}: ${reason}`, cause === undefined ? undefined : { cause });
    this.reason = reason;
    this.path = path;
  }
}

/** The same problem, one field further out. What is no problem of a value is passed on as one. */
export const inField = (name: string, error: unknown): JsonProblem =>
  error instanceof JsonProblem
    ? new JsonProblem(error.reason, [name, ...error.path])
    : new JsonProblem("cannot be read", [name], error);

/** True for an object that is neither null nor a list. */
export const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The text, which must have no half of a surrogate pair: neither a URL nor UTF-8 can hold one. */
export function wellFormed(text: string): string {
  if (/\p{Surrogate}/u.test(text)) throw new JsonProblem("is no valid Unicode");
  return text;
}

/** The message for a value of another type than is needed. Never shows the value. */
export function wrong(value: unknown, needed: string): JsonProblem {
  const kind = value === null ? "null" : Array.isArray(value) ? "a list" : typeof value;
  return new JsonProblem(`is ${kind === "object" ? "an object" : kind} that is no ${needed}`);
}
