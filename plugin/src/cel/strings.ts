import { testable } from "./claims.ts";
import { and, type Condition, partial, total } from "./logic.ts";
import { constant, giveUp, operand, sure, type Value } from "./value.ts";

const string = { rep: "string" } as const;

/** A test of a string by another. */
export function textTest(method: "startsWith" | "endsWith" | "includes", target: Value, part: Value): Condition {
  const call = (js: string) => `${js}.${method}(${textOf(part)})`;
  if (target.kind === "claim") {
    const js = testable(target);
    const typed = `typeof ${js} === "string"`;
    return partial(and(typed, call(js)), and(typed, `!${call(js)}`));
  }
  if (target.kind === "constant" && part.kind === "constant") {
    const holds = String(target.value)[method](String(part.value));
    return total(holds, !holds);
  }
  const js = call(target.kind === "scalar" && target.rep === "string" ? operand(target) : textOf(target));
  return total(js, `!${js}`);
}

function textOf(value: Value): string {
  if (value.kind === "constant") return constant(value, string);
  return value.kind === "scalar" && value.rep === "string" ? sure(value) : giveUp();
}

/** Two strings as one. */
export function joined(a: Value, b: Value): Value {
  return { kind: "scalar", js: `\`${templatePart(a)}${templatePart(b)}\``, optional: false, ...string };
}

/** The parts are laid out as code, so they may hold no bracket, quote, comma or parameter. */
function templatePart(value: Value): string {
  if (value.kind === "constant" && typeof value.value === "string") {
    const plain = /^[\w .:/@#%+;=?!*&|<>~^-]*$/.test(value.value) && !/\b(?:auth|request)\b/.test(value.value);
    return plain ? value.value : giveUp();
  }
  if (value.kind !== "scalar" || value.rep !== "string") return giveUp();
  if (value.js.startsWith("`")) return value.js.slice(1, -1);
  return `\${${value.optional || value.doubtful ? `${value.js} ?? ""` : value.js}}`;
}
