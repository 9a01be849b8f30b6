import { text } from "../emit/literal.ts";
import { type Condition, partial } from "./logic.ts";
import { giveUp, type Shape, type Value } from "./value.ts";

/** A claim, by its path. One that is missing, or has nothing below it, is undefined. */
export type Claim = Extract<Value, { kind: "claim" }>;

/** A function of the runtime that a rule calls, marked until the file imports it. */
export const helper = (name: string): string => `\u0003${name}\u0003`;

const strings: Shape = { rep: "string" };

/** A field of `auth`. */
export function authField(field: string): Value {
  switch (field) {
    case "sub":
    case "provider":
      return { kind: "scalar", js: `auth.${field}`, optional: false, ...strings };
    case "scopes":
    case "audiences":
      return { kind: "list", js: `auth.${field}`, of: strings };
    default:
      return claimAt([]);
  }
}

/** The claim at a path; all claims at the empty one. */
export function claimAt(path: readonly string[]): Claim {
  const [first] = path;
  if (first === undefined) return { kind: "claim", path, js: "auth.claims" };
  // A literal key lets the compiler know the type after a test for it; a helper walks further down.
  if (path.length === 1) return { kind: "claim", path, js: `auth.claims[${text(first)}]` };
  return { kind: "claim", path, js: `${helper("claimAt")}(auth.claims, ${path.map(text).join(", ")})` };
}

/** `has()` of a claim: an error when what it is looked for in is missing itself. A null is nothing to @bufbuild/cel. */
export function hasClaim({ path, js }: Claim): Condition {
  const parent = claimAt(path.slice(0, -1));
  const absent = `${js} == null`;
  if (path.length === 1) return { yes: `${js} != null`, no: absent, total: true };
  return partial(`${js} != null`, { op: "&&", items: [`${parent.js} !== undefined`, absent] });
}

/** A claim as text that the compiler can follow a test of; gives up below the first level. */
export const testable = ({ path, js }: Claim): string => (path.length === 1 ? js : giveUp());
