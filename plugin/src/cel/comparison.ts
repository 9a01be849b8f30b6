import { type Claim, testable } from "./claims.ts";
import { and, type Condition, not, or, partial, total } from "./logic.ts";
import { type Constant, constant, giveUp, operand, type Rep, type Scalar, shapeOf, sure, type Value } from "./value.ts";

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
    const other = b.kind === "constant" ? constant(b, a) : b.rep === a.rep ? sure(b) : giveUp();
    return total(`${a.js} === ${other}`, `${a.js} !== ${other}`);
  }
  if (a.kind === "entry") {
    const other = b.kind === "constant" ? constant(b, a) : b.rep === a.rep ? sure(b) : giveUp();
    return partial(`${a.js} === ${other}`, and(`${a.js} !== undefined`, `${a.js} !== ${other}`));
  }
  return giveUp();
}

const isPlain = (value: Value): value is Plain => value.kind === "constant" || value.kind === "scalar";

/** A missing claim is an error, so it is neither equal nor different. */
function equalClaim({ js }: Claim, other: Plain): Condition {
  const right =
    other.kind === "scalar" ? (other.rep === "bigint" ? giveUp() : sure(other)) : constantBesideClaim(other);
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
    if (!isDefault(b)) return total(`${a.js} === ${right}`, `${a.js} !== ${right}`);
    if (!a.enum || !a.doubtful) return total(`${operand(a)} === ${right}`, `${sure(a)} !== ${right}`);
    const same = `${a.js} === ${right}`;
    return total(a.optional ? or(`${a.js} == null`, same) : same, and(`${a.js} != null`, `${a.js} !== ${right}`));
  }
  if (a.enum && b.enum && a.enum !== b.enum) return giveUp();
  return total(alike(a, b, "===", operand), alike(a, b, "!==", sure));
}

const isDefault = ({ value }: Constant): boolean => value === "" || value === false || Number(value) === 0;

/** Two scalars that TypeScript compares as CEL does. Order knows numbers and bigints together, equality does not. */
function alike(a: Scalar, b: Scalar, sign: Order | "===" | "!==", print: (scalar: Scalar) => string): string {
  const [left, right] = [print(a), print(b)];
  // Strings have an order of their own.
  if (a.enum && b.enum && (a.doubtful || b.doubtful)) return giveUp();
  if (a.rep === b.rep) return `${left} ${sign} ${right}`;
  if (!isNumeric(a.rep) || !isNumeric(b.rep) || a.float || b.float) return giveUp();
  if (sign !== "===" && sign !== "!==") return `${left} ${sign} ${right}`;
  return a.rep === "bigint" ? `${left} ${sign} BigInt(${right})` : `BigInt(${left}) ${sign} ${right}`;
}

const isNumeric = (rep: Rep) => rep === "number" || rep === "bigint";

/** CEL's order, of numbers and of strings. */
export function compare(order: Order, a: Value, b: Value): Condition {
  if (a.kind === "claim") return isPlain(b) ? compareClaim(a, (js, other) => `${js} ${order} ${other}`, b) : giveUp();
  if (b.kind === "claim") return isPlain(a) ? compareClaim(b, (js, other) => `${other} ${order} ${js}`, a) : giveUp();
  if (a.kind === "constant" && b.kind === "scalar") return compare(turned[order], b, a);
  if (a.kind !== "scalar" || a.rep === "boolean" || !isPlain(b)) return giveUp();
  const test = (sign: Order, print: (scalar: Scalar) => string) =>
    b.kind === "constant" ? `${print(a)} ${sign} ${constant(b, { ...a, enum: undefined })}` : alike(a, b, sign, print);
  // What is no number is neither less nor more.
  const no = a.float || floats(b) ? `!(${test(order, sure)})` : test(complement[order], operand);
  return total(test(order, operand), no);
}

const turned: { readonly [order in Order]: Order } = { "<": ">", "<=": ">=", ">": "<", ">=": "<=" };
const complement: { readonly [order in Order]: Order } = { "<": ">=", "<=": ">", ">": "<=", ">=": "<" };

const floats = (value: Plain) => (value.kind === "scalar" ? value.float : typeof value.value === "number");

/** A claim of another type than what it is compared with is an error. */
function compareClaim(claim: Claim, test: (js: string, other: string) => string, other: Plain): Condition {
  const rep = other.kind === "scalar" ? other.rep : shapeOf(other).rep;
  if (rep === "bigint" || rep === "boolean") return giveUp();
  const js = testable(claim);
  const compared = test(js, other.kind === "scalar" ? sure(other) : constantBesideClaim(other));
  const typed = `typeof ${js} === "${rep}"`;
  return partial(and(typed, compared), and(typed, `!(${compared})`));
}

/** One of several constants, by a claim. */
export const claimIsOneOf = (claim: Claim, constants: readonly Constant[]): Condition => {
  const tests = constants.map((one) => equalClaim(claim, one));
  return partial(or(...tests.map(({ yes }) => yes)), and(...tests.map(({ no }) => no)));
};
