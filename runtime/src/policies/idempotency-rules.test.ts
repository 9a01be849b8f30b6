import { expect, test } from "vitest";
import { type OptionError, parseFields } from "../core/fields.ts";
import type { FieldFacts, MethodFacts } from "../core/policy.ts";
import { idempotency } from "./idempotency.ts";

const text: FieldFacts = { scalar: "string", repeated: false, map: false, sensitive: false };
const fields: { readonly [path: string]: FieldFacts } = {
  request_id: text,
  list: { ...text, repeated: true },
  map: { ...text, map: true },
  count: { ...text, scalar: "int" },
  raw: { ...text, scalar: "bytes" },
  token: { ...text, sensitive: true },
  choice: { ...text, oneof: true },
};

/** The rules that object to a config. */
const objections = (config: { key?: string; windowMs?: number }, method: Partial<MethodFacts> = {}) => {
  const facts = { kind: "unary", field: (path: string) => fields[path], ...method } as MethodFacts;
  return idempotency.rules
    ?.filter(({ check }) => check({ windowMs: 1000, ...config } as never, facts) !== undefined)
    .map(({ id, severity }) => `${severity} ${id}`);
};

const id = { key: "field:request_id" };

test.each([
  [id, {}, []],
  [{ key: "metadata:idempotency-key" }, {}, []],
  [{ ...id, windowMs: 7 * 86_400_000 }, {}, []],
  [id, { idempotency: "IDEMPOTENT" }, []],
  [{}, {}, ["error idempotency/key-missing"]],
  [{ key: "field:nothing" }, {}, ["error idempotency/key-field"]],
  [{ key: "field:list" }, {}, ["error idempotency/key-field"]],
  [{ key: "field:map" }, {}, ["error idempotency/key-field"]],
  [{ key: "field:count" }, {}, ["error idempotency/key-field"]],
  [{ key: "field:raw" }, {}, ["error idempotency/key-field"]],
  [{ key: "field:choice" }, {}, ["error idempotency/key-field"]],
  [{ key: "field:token" }, {}, ["error idempotency/key-sensitive"]],
  [id, { kind: "serverStream" }, ["error idempotency/of-stream"]],
  [{ key: "field:nothing" }, { kind: "bidi" }, ["error idempotency/of-stream"]],
  [id, { kind: "clientStream" }, ["error idempotency/of-stream"]],
  [id, { idempotency: "NO_SIDE_EFFECTS" }, ["warning idempotency/useless"]],
  [{ ...id, windowMs: 7 * 86_400_000 + 1 }, {}, ["warning idempotency/window-long"]],
] as const)("%j on %j: %j", (config, method, expected) => {
  expect(objections(config, method)).toEqual(expected);
});

test("a key is in a field of the request itself, or in metadata that is text", () => {
  const keyOf = (key: string) => parseFields(idempotency.fields, { key });
  expect(keyOf("field:request_id")).toEqual({ key: "field:request_id", windowMs: 86_400_000 });
  expect(keyOf("metadata:Idempotency-Key").key).toBe("metadata:idempotency-key");
});

test.each([
  "",
  "request_id",
  "field:",
  "field:order.id",
  "field:1",
  "metadata:",
  "metadata:a b",
  "metadata:key-bin",
  "metadata:te",
  "metadata:content-type",
  "metadata:grpc-previous-rpc-attempts",
  "principal",
])("%j is no place for a key", (key) => {
  expect(() => parseFields(idempotency.fields, { key })).toThrow(
    expect.objectContaining({ name: "OptionError" } satisfies Partial<OptionError>),
  );
});
