import { type Claim, testable } from "./claims.ts";
import { and, type Condition, not, or, partial, total } from "./logic.ts";
import { type Constant, constant, giveUp, operand, type Rep, type Scalar, shapeOf, type Value } from "./value.ts";

/** The scalars that something can be compared with: with a default, and without an error. */
type Plain = Constant | Scalar;

/** How CEL writes an order. */
export type Order = "<" | "<=" | ">" | ">=";

/** A value as a condition. Gives up on what can be no bool. */
export function truthOf(value: Value): Condition {
  if (value.kind === "constant" && typeof value.value === "boolean") return total(value.value, !value.value);
  if (value.kind === "claim") return partial(`${value.js} === true`, `${value.js} === false`);
  if (!("rep" in value) || value.rep !== "boolean") return giveUp();
  if (value.kind !== "scalar") return partial(`${value.js} === true`, `${value.js} === false`);
  return value.optional ? total(`${value.js} === true`, `${value.js} !== true`) : total(value.js, `!${value.js}`);
}

/** CEL's `==`: values of different types are different, numbers are compared by value. */
export function equal(a: Value, b: Value): Condition {
  if (isPlain(a) && isPlain(b)) return equalPlain(a, b);
  if (!isPlain(b)) return isPlain(a) ? equal(b, a) : giveUp();
  if (a.kind === "claim") return equalClaim(a, b);
  if (a.kind === "wrapper") {
    // Undefined or, with useNullAsOptional, null.
    if (b.kind === "constant" && b.value === null) return total(`${a.js} == null`, `${a.js} != null`);
    const other = b.kind === "constant" ? constant(b, a) : b.rep === a.rep ? operand(b) : giveUp();
    return total(`${a.js} === ${other}`, `${a.js} !== ${other}`);
  }
  if (a.kind === "entry") {
    const other = b.kind === "constant" ? constant(b, a) : b.rep === a.rep ? operand(b) : giveUp();
    return partial(`${a.js} === ${other}`, and(`${a.js} !== undefined`, `${a.js} !== ${other}`));
  }
  return giveUp();
}

const isPlain = (value: Value): value is Plain => value.kind === "constant" || value.kind === "scalar";

/** A missing claim is an error, so it is neither equal nor different. */
function equalClaim({ js }: Claim, other: Plain): Condition {
  const right =
    other.kind === "scalar" ? (other.rep === "bigint" ? giveUp() : operand(other)) : constantBesideClaim(other);
  return partial(`${js} === ${right}`, and(`${js} !== undefined`, `${js} !== ${right}`));
}

/** A constant as it is compared with a claim, whose numbers are doubles. */
export const constantBesideClaim = (other: Constant): string =>
  other.value === null ? "null" : constant(other, { ...shapeOf(other), float: true });

function equalPlain(a: Plain, b: Plain): Condition {
  if (a.kind === "constant" && b.kind === "constant") {
    // biome-ignore lint/suspicious/noDoubleEquals: ints and doubles are compared by value, and strings only with strings
    const same = typeof a.value === "string" || typeof b.value === "string" ? a.value === b.value : a.value == b.value;
    return total(same, !same);
  }
  if (a.kind === "constant") return equalPlain(b, a);
  if (b.kind === "constant") {
    const right = constant(b, a);
    if (a.rep === "boolean") return right === "true" ? truthOf(a) : not(truthOf(a));
    // What is absent is no other value than its default.
    const left = isDefault(b) ? operand(a) : a.js;
    return total(`${left} === ${right}`, `${left} !== ${right}`);
  }
  if (a.enum && b.enum && a.enum !== b.enum) return giveUp();
  const [left, right] = alike(a, b, false);
  return total(`${left} === ${right}`, `${left} !== ${right}`);
}

const isDefault = ({ value }: Constant): boolean => value === "" || value === false || Number(value) === 0;

/** Two operands that TypeScript compares as CEL does. Order knows numbers and bigints together, equality does not. */
function alike(a: Scalar, b: Scalar, ordered: boolean): [string, string] {
  if (a.rep === b.rep) return [operand(a), operand(b)];
  if (!isNumeric(a.rep) || !isNumeric(b.rep) || a.float || b.float) return giveUp();
  if (ordered) return [operand(a), operand(b)];
  return a.rep === "bigint" ? [operand(a), `BigInt(${operand(b)})`] : [`BigInt(${operand(a)})`, operand(b)];
}

const isNumeric = (rep: Rep) => rep === "number" || rep === "bigint";

/** CEL's order, of numbers and of strings. */
export function compare(order: Order, a: Value, b: Value): Condition {
  if (a.kind === "claim") return isPlain(b) ? compareClaim(a, (js, other) => `${js} ${order} ${other}`, b) : giveUp();
  if (b.kind === "claim") return isPlain(a) ? compareClaim(b, (js, other) => `${other} ${order} ${js}`, a) : giveUp();
  if (a.kind === "constant" && b.kind === "scalar") return compare(turned[order], b, a);
  if (a.kind !== "scalar" || a.rep === "boolean" || !isPlain(b)) return giveUp();
  const [left, right] =
    b.kind === "constant" ? [operand(a), constant(b, { ...a, enum: undefined })] : alike(a, b, true);
  return total(`${left} ${order} ${right}`, opposite(left, order, right, a.float || floats(b)));
}

const turned: { readonly [order in Order]: Order } = { "<": ">", "<=": ">=", ">": "<", ">=": "<=" };
const complement: { readonly [order in Order]: Order } = { "<": ">=", "<=": ">", ">": "<=", ">=": "<" };

const floats = (value: Plain) => (value.kind === "scalar" ? value.float : typeof value.value === "number");

/** What is no number is neither less nor more. */
const opposite = (left: string, order: Order, right: string, float: boolean | undefined): string =>
  float ? `!(${left} ${order} ${right})` : `${left} ${complement[order]} ${right}`;

/** A claim of another type than what it is compared with is an error. */
function compareClaim(claim: Claim, test: (js: string, other: string) => string, other: Plain): Condition {
  const rep = other.kind === "scalar" ? other.rep : shapeOf(other).rep;
  if (rep === "bigint" || rep === "boolean") return giveUp();
  const js = testable(claim);
  const compared = test(js, other.kind === "scalar" ? operand(other) : constantBesideClaim(other));
  const typed = `typeof ${js} === "${rep}"`;
  return partial(and(typed, compared), and(typed, `!(${compared})`));
}

/** One of several constants, by a claim. */
export const claimIsOneOf = (claim: Claim, constants: readonly Constant[]): Condition => {
  const tests = constants.map((one) => equalClaim(claim, one));
  return partial(or(...tests.map(({ yes }) => yes)), and(...tests.map(({ no }) => no)));
};
