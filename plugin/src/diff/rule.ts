import { parse } from "@bufbuild/cel";

type Expr = NonNullable<ReturnType<typeof parse>["expr"]>;

/**
 * What a condition in CEL admits after a change: the `same` callers, provably fewer (`narrower`), or perhaps more
 * (`unknown`).
 *
 * A condition is a conjunction of parts. It is narrower when it has all parts of the one before and more; layout,
 * parentheses and the order of the parts mean nothing. What is written in another way is `unknown`, though it may say the same.
 */
export function compareRules(before: string, after: string): "same" | "narrower" | "unknown" {
  const [old, now] = [partsOf(before), partsOf(after)];
  if (!old || !now) return before === after ? "same" : "unknown";
  if ([...old].some((part) => !now.has(part))) return "unknown";
  return now.size === old.size ? "same" : "narrower";
}

/** The operands of `&&` at the top of an expression, each in a form that layout does not change; undefined for no expression. */
function partsOf(cel: string): Set<string> | undefined {
  const parts = new Set<string>();
  const add = (expr: Expr): void => {
    const { exprKind: kind } = expr;
    if (kind.case === "callExpr" && kind.value.function === "_&&_") for (const operand of kind.value.args) add(operand);
    else parts.add(JSON.stringify(expr, withoutLayout));
  };
  try {
    const { expr } = parse(cel);
    if (expr) add(expr);
    return parts;
  } catch {
    return undefined;
  }
}

/** Ids number the parts of an expression as they come. JSON has neither 64-bit numbers nor negative zero. */
function withoutLayout(key: string, value: unknown): unknown {
  if (key === "id") return undefined;
  if (typeof value === "bigint") return `${value}n`;
  return Object.is(value, -0) ? "-0" : value;
}
