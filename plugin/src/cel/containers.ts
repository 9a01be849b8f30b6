import { type Claim, claimAt, hasClaim, helper, testable } from "./claims.ts";
import { claimIsOneOf, constantBesideClaim, equal } from "./comparison.ts";
import { and, type Condition, or, partial, print, total } from "./logic.ts";
import { names } from "./names.ts";
import { type Constant, constant, giveUp, operand, type Scalar, shapeOf, sure, type Value } from "./value.ts";

type List = Extract<Value, { kind: "list" }>;

/** A list that the rule itself says; of strings or of ints alone. */
export function listOf(constants: readonly Constant[]): List {
  const [first] = constants;
  if (!first || constants.some(({ value }) => typeof value !== typeof first.value)) return giveUp();
  const of = shapeOf(first);
  if (of.rep === "boolean" || of.float) return giveUp();
  return { kind: "list", of, js: `[${constants.map((one) => constant(one, of)).join(", ")}]`, constants };
}

/** CEL's `in`. */
export function isIn(item: Value, container: Value): Condition {
  if (container.kind === "claim") return inClaim(item, container);
  if (container.kind === "map") return inMap(item, container.js);
  if (container.kind !== "list" || !("rep" in container.of)) return giveUp();
  const { js, of, constants } = container;
  if (item.kind === "claim") {
    if (constants) return claimIsOneOf(item, constants);
    if (of.rep !== "string") return giveUp();
    const claim = testable(item);
    const typed = `typeof ${claim} === "string"`;
    const found = `${js}.includes(${claim})`;
    return partial(and(typed, found), and(`${claim} !== undefined`, or(`typeof ${claim} !== "string"`, `!${found}`)));
  }
  if (item.kind !== "constant" && item.kind !== "scalar") return giveUp();
  const [only] = constants ?? [];
  if (only && constants?.length === 1) return equal(item, only);
  // Not a number is in no list to CEL, and in one to includes. The compiler looks for an enum's values only.
  if (of.float || of.enum) return giveUp();
  if (item.kind === "scalar" && (item.rep !== of.rep || item.float)) return giveUp();
  const found = (text: string) => `${js}.includes(${text})`;
  if (item.kind === "constant") return total(found(constant(item, of)), `!${found(constant(item, of))}`);
  const defaultless = constants?.every(({ value }) => value !== "" && value !== 0n);
  return total(found(operand(item)), `!${found(defaultless ? operand(item) : sure(item))}`);
}

function inClaim(item: Value, { path, js }: Claim): Condition {
  if (path.length === 0 && item.kind === "constant") return hasClaim(claimAt([String(item.value)]));
  if (item.kind !== "constant" && item.kind !== "scalar") return giveUp();
  if (item.kind === "constant" ? item.value === null : item.rep === "bigint") return giveUp();
  const found = `${helper("claimHas")}(${js}, ${item.kind === "constant" ? constantBesideClaim(item) : sure(item as Scalar)})`;
  return partial(`${found} === true`, `${found} === false`);
}

/** Only for keys that no object has from birth, so that it is enough to look. */
function inMap(item: Value, map: string): Condition {
  if (item.kind !== "constant" || typeof item.value !== "string" || item.value in {}) return giveUp();
  const entry = `${map}[${JSON.stringify(item.value)}]`;
  return total(`${entry} !== undefined`, `${entry} === undefined`);
}

/** Whether the condition holds for an item of the list: true if for one, false if for none, else an error. */
export function some({ js }: List, variable: string, { yes, no, total }: Condition): Condition {
  const call = (method: "some" | "every", test: Condition["yes"]) => {
    const body = print(test);
    // A parameter that nobody reads is an error to the compiler.
    if (!new RegExp(`\\b${variable}\\b`).test(names(body))) return giveUp();
    return `${js}.${method}((${variable}) => ${body})`;
  };
  return { yes: call("some", yes), no: total ? `!${call("some", yes)}` : call("every", no), total };
}

/** `has()` of a list. */
export const nonEmpty = ({ js }: List): Condition => total(`${js}.length > 0`, `${js}.length === 0`);

/** `size()`: the items of a list, the characters of a string. */
export function sizeOf(value: Value): Value {
  const size = (js: string): Value => ({ kind: "scalar", rep: "number", js: `${js}.length`, optional: false });
  if (value.kind === "list" && !value.constants) return size(value.js);
  // A character outside the first 65536 is one to CEL, and two to JavaScript.
  return value.kind === "scalar" && value.rep === "string" ? size(`[...${operand(value)}]`) : giveUp();
}
