import { giveUp } from "./value.ts";

/**
 * A condition in TypeScript: a constant, printed code that `!`, `&&` and `||` can stand before or after, or conditions
 * that `&&` or `||` join.
 */
export type Logic = boolean | string | { readonly op: "&&" | "||"; readonly items: readonly Logic[] };

/**
 * What a CEL condition is. CEL has a third value, the error: `yes` is true exactly when the condition is true, and
 * `no` exactly when it is false, so neither is where it fails. That makes CEL's rule that an error does not count where
 * the other side decides plain logic, and generated code need not throw.
 */
export interface Condition {
  readonly yes: Logic;
  readonly no: Logic;
  /** Whether it is always one of the two. */
  readonly total: boolean;
}

/** A condition that cannot fail. */
export const total = (yes: Logic, no: Logic): Condition => ({ yes, no, total: true });

/** A condition that can. */
export const partial = (yes: Logic, no: Logic): Condition => ({ yes, no, total: false });

/** The opposite. */
export const not = ({ yes, no, total }: Condition): Condition => ({ yes: no, no: yes, total });

/** Both. An error does not count beside a false. */
export const both = (a: Condition, b: Condition): Condition => ({
  yes: and(a.yes, b.yes),
  no: or(a.no, b.no),
  total: a.total && b.total,
});

/** One of them. An error does not count beside a true. */
export const either = (a: Condition, b: Condition): Condition => not(both(not(a), not(b)));

/** The one or the other, as `test` says. */
export const choose = (test: Condition, a: Condition, b: Condition): Condition => ({
  yes: or(and(test.yes, a.yes), and(test.no, b.yes)),
  no: or(and(test.yes, a.no), and(test.no, b.no)),
  total: test.total && a.total && b.total,
});

/** All of them. */
export const and = (...items: readonly Logic[]): Logic => join("&&", items);

/** One of them. */
export const or = (...items: readonly Logic[]): Logic => join("||", items);

function join(op: "&&" | "||", items: readonly Logic[]): Logic {
  const neutral = op === "&&";
  const flat = items.flatMap((item) => (typeof item === "object" && item.op === op ? item.items : [item]));
  if (flat.includes(!neutral)) return !neutral;
  // What a guard has said already needs no second time.
  const rest = [...new Set(flat.filter((item) => item !== neutral))];
  const [first = neutral, ...others] = rest;
  return others.length === 0 ? first : { op, items: rest };
}

/** Longer code says no more than the expression does, and an interpreter does not mind the length. */
const longest = 1000;

/** The code of a condition; mixed operators get their parentheses. */
export function print(logic: Logic, outer?: "&&" | "||"): string {
  if (typeof logic !== "object") return String(logic);
  const text = logic.items.map((item) => print(item, logic.op)).join(` ${logic.op} `);
  // Here, because conditions share their parts: printed in full, a rule of some hundred characters can fill the memory.
  if (text.length > longest) giveUp();
  return outer && outer !== logic.op ? `(${text})` : text;
}
