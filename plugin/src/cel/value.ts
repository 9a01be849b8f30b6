import type { DescEnum, DescMessage } from "@bufbuild/protobuf";
import { text } from "../emit/literal.ts";

/** How generated code holds a value; ints are numbers or, with 64 bits, bigints. */
export type Rep = "string" | "boolean" | "number" | "bigint";

/** What is known of a value besides where it is. */
export interface Shape {
  readonly rep: Rep;
  /** A number that is one of an enum's to the compiler. */
  readonly enum?: DescEnum | undefined;
  /** A number that may be no integer. */
  readonly float?: boolean;
}

/** A part of a rule as TypeScript. */
export type Value =
  | Constant
  | Scalar
  /** A scalar that may be absent, which is no default then: null for a wrapper, an error for an entry of a map. */
  | (Shape & { readonly kind: "wrapper" | "entry"; readonly js: string })
  /** A claim: anything, or undefined where it is missing. `name` is there for a claim of the first level. */
  | { readonly kind: "claim"; readonly path: readonly string[]; readonly js: string }
  | {
      readonly kind: "list";
      readonly js: string;
      readonly of: Shape | DescMessage;
      readonly constants?: readonly Constant[];
    }
  | { readonly kind: "map"; readonly js: string; readonly of: Shape }
  | Message;

/** A value that the rule itself says. */
export interface Constant {
  readonly kind: "constant";
  readonly value: string | boolean | bigint | number | null;
}

/** A value with a default: `js` may be undefined, if `optional`, and means the default then. */
export interface Scalar extends Shape {
  readonly kind: "scalar";
  readonly js: string;
  readonly optional: boolean;
  /** Undefined in spite of its type, and an enum a string: ts-proto has options for that, and casts do it, too. */
  readonly doubtful?: boolean;
}

/** A message; undefined, if `optional`, stands for one without fields. */
export interface Message {
  readonly kind: "message";
  readonly desc: DescMessage;
  readonly js: string;
  readonly optional: boolean;
}

/** Thrown where TypeScript cannot say exactly the same as the rule, or not in a way that anybody would read. */
export class Untranslatable extends Error {}

/** Gives up. */
export function giveUp(): never {
  throw new Untranslatable();
}

const defaults: { readonly [rep in Rep]: string } = { string: '""', boolean: "false", number: "0", bigint: "0n" };

/** The default of a representation, as TypeScript. */
export const defaultOf = ({ rep }: Shape): string => defaults[rep];

/** A scalar as an operand, its default in place. */
export function operand({ js, optional, ...shape }: Scalar): string {
  if (!optional) return js;
  // With a default beside it, the compiler would not notice an enum of strings.
  return shape.enum && shape.doubtful ? giveUp() : `(${js} ?? ${defaultOf(shape)})`;
}

/** An operand for where a missing default would allow a call: beside `!==`, or beside what may be undefined itself. */
export const sure = (scalar: Scalar): string => operand(scalar.doubtful ? { ...scalar, optional: true } : scalar);

/** A constant as TypeScript, in the representation of what it meets. Gives up when that cannot hold it. */
export function constant({ value }: Constant, { rep, enum: of, float }: Shape): string {
  if (rep === "string") return typeof value === "string" ? text(value) : giveUp();
  if (rep === "boolean") return typeof value === "boolean" ? String(value) : giveUp();
  if (rep === "bigint") return typeof value === "bigint" ? `${value}n` : giveUp();
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number) || Object.is(number, -0)) return giveUp();
  if (!float && !Number.isSafeInteger(number)) return giveUp();
  if (float && typeof value === "bigint" && !Number.isSafeInteger(number)) return giveUp();
  // The compiler refuses to compare an enum with a number that it does not have.
  if (of && !of.values.some((one) => one.number === number)) return giveUp();
  return String(number).replace("e+", "e");
}

/** The shape that a constant has by itself. */
export function shapeOf({ value }: Constant): Shape {
  if (typeof value === "string") return { rep: "string" };
  if (typeof value === "boolean") return { rep: "boolean" };
  if (value === null) return giveUp();
  return { rep: "number", float: typeof value === "number" };
}
