import { createHash } from "node:crypto";
import type { Call } from "../core/call.ts";
import { type Key, parseKey } from "../core/fields.ts";
import type { MethodSpec } from "../core/spec.ts";
import { fieldReader } from "./field.ts";

type Part = (call: Call) => string;

/** Longer values are kept as their hash, so that what callers send cannot fill the memory. */
const longest = 64;

/**
 * The bucket of each call, by the values of the keys; undefined when all calls share one.
 *
 * A value is marked as there, and no value is not, so a caller cannot pass for one without it.
 */
export function keyOf(by: readonly string[], method: MethodSpec): Part | undefined {
  const [first, second, ...rest] = by
    .map(parseKey)
    .filter(({ kind }) => kind !== "all" && kind !== "method")
    .map((key) => partOf(key, method));
  if (!first || !second) return first;
  // Each part begins with its length: otherwise "ab" + "c" and "a" + "bc" would be one caller.
  const parts = [first, second, ...rest];
  return (call) => {
    let key = "";
    for (const part of parts) {
      const value = part(call);
      key += `${value.length}${value}`;
    }
    return key;
  };
}

function partOf({ kind, name }: Key, method: MethodSpec): Part {
  switch (kind) {
    case "principal":
      return ({ principal }) => (principal ? mark(`${principal.provider}\0${principal.subject}`) : "");
    case "claim":
      return ({ principal }) =>
        principal && Object.hasOwn(principal.claims, name) ? mark(textOf(principal.claims[name])) : "";
    case "metadata":
      return name.endsWith("-bin")
        ? ({ metadata }) => mark(textOf(metadata.bytes(name)))
        : ({ metadata }) => mark(metadata.get(name));
    case "peer":
      return ({ peer }) => mark(peer?.address);
    case "field": {
      const read = fieldReader(name, method.request);
      return ({ request }) => mark(textOf(read(request)));
    }
    default:
      throw new Error(`${kind} has no value in a call`);
  }
}

function mark(value: string | undefined): string {
  if (value === undefined) return "";
  return value.length <= longest ? `=${value}` : `#${createHash("sha256").update(value).digest("base64")}`;
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  return typeof value === "object"
    ? JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? inner.toString() : inner))
    : String(value);
}
