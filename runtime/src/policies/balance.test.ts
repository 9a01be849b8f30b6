import { expect, test } from "vitest";
import { OptionError, parseFields } from "../core/fields.ts";
import type { FieldFacts, MethodFacts } from "../core/policy.ts";
import { type BalanceConfig, balance } from "./balance.ts";

const text: FieldFacts = { scalar: "string", repeated: false, map: false, sensitive: false };
const fields: { readonly [path: string]: FieldFacts } = {
  id: text,
  "user.id": text,
  tags: { ...text, repeated: true },
  labels: { ...text, map: true },
  weight: { ...text, scalar: "float" },
  user: { ...text, scalar: "message" },
};

/** The ids of the rules that find something. */
function findings(config: BalanceConfig, facts: Partial<MethodFacts> = {}): string[] {
  const method: MethodFacts = {
    path: "/test.v1.Test/Call",
    kind: "unary",
    idempotency: undefined,
    policy: { balance: config },
    field: (path) => fields[path],
    replyProblem: () => undefined,
    sibling: () => undefined,
    ...facts,
  };
  return (balance.rules ?? []).filter(({ check }) => check(config, method) !== undefined).map(({ id }) => id);
}

test.each(["PICK_FIRST", "ROUND_ROBIN", "LEAST_REQUEST", "WEIGHTED"] as const)("%s has no key", (picker) => {
  expect(findings({ picker })).toEqual([]);
  expect(findings({ picker, hashBy: "metadata:tenant" })).toEqual(["balance/hash-by-without-ring"]);
});

test("a run-time configuration may change the picker and leave the key behind", () => {
  expect(findings({ picker: "ROUND_ROBIN", hashBy: "metadata:tenant" }, { runtime: true })).toEqual([]);
});

test("RING_HASH has a key", () => {
  expect(findings({ picker: "RING_HASH" })).toEqual(["balance/ring-without-hash-by"]);
  for (const hashBy of ["metadata:tenant", "field:id", "field:user.id"])
    expect(findings({ picker: "RING_HASH", hashBy })).toEqual([]);
});

test.each(["nothing", "tags", "labels", "weight", "user"])("field %s is no key", (name) => {
  expect(findings({ picker: "RING_HASH", hashBy: `field:${name}` })).toEqual(["balance/key-field"]);
});

test("a stream of requests has no field when the address is chosen", () => {
  for (const kind of ["clientStream", "bidi"] as const) {
    expect(findings({ picker: "RING_HASH", hashBy: "field:id" }, { kind })).toEqual(["balance/field-of-stream"]);
    expect(findings({ picker: "RING_HASH", hashBy: "metadata:tenant" }, { kind })).toEqual([]);
  }
  expect(findings({ picker: "RING_HASH", hashBy: "field:id" }, { kind: "serverStream" })).toEqual([]);
});

test.each(["principal", "claim:tenant", "peer", "method", "all", "tenant", "metadata:", "field", ""])(
  "%j is no key by which a client can choose",
  (hashBy) => {
    expect(() => parseFields(balance.fields, { picker: "RING_HASH", hash_by: hashBy })).toThrow(OptionError);
  },
);

test("another picker than RING_HASH drops an inherited key", () => {
  expect(balance.replaces?.({ picker: "ROUND_ROBIN" })).toBe(true);
  expect(balance.replaces?.({ picker: "RING_HASH" })).toBe(false);
  expect(balance.replaces?.({ hash_by: "metadata:tenant" })).toBe(false);
});
