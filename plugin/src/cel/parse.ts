import { parse } from "@bufbuild/cel";

/** A CEL expression, with its macros as they were written. */
export type Node =
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "int" | "uint"; readonly value: bigint }
  | { readonly kind: "double"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "bytes" | "null" }
  | { readonly kind: "name"; readonly name: string }
  | SelectNode
  | CallNode
  | { readonly kind: "list"; readonly items: readonly Node[] }
  | { readonly kind: "map"; readonly entries: readonly { readonly key: Node; readonly value: Node }[] }
  | {
      readonly kind: "message";
      readonly name: string;
      readonly fields: readonly { readonly name: string; readonly value: Node }[];
    }
  | MacroNode;

/** `of.field`, or `has(of.field)`. */
export interface SelectNode {
  readonly kind: "select";
  readonly of: Node;
  readonly field: string;
  readonly has: boolean;
}

/** A function, operator or method; operators have CEL's own names, such as `_==_`. */
export interface CallNode {
  readonly kind: "call";
  readonly name: string;
  readonly target: Node | undefined;
  readonly args: readonly Node[];
}

/** `range.macro(variable, step)`; `filter` is the condition of a `map` with three arguments. */
export interface MacroNode {
  readonly kind: "macro";
  readonly macro: "all" | "exists" | "exists_one" | "filter" | "map";
  readonly range: Node;
  readonly variable: string;
  readonly step: Node;
  readonly filter: Node | undefined;
}

type Parsed = ReturnType<typeof parse>;
type Expr = NonNullable<Parsed["expr"]>;

/** Thrown for text that is no CEL expression, or one that cannot be true. Says what is wrong and the remedy. */
export class RuleError extends Error {
  override readonly name = "RuleError";
}

/** Reads a CEL expression. Throws `RuleError` when it is none. */
export function parseRule(text: string): Node {
  let parsed: Parsed;
  try {
    parsed = parse(text);
  } catch (error) {
    throw new RuleError(`is not a CEL expression: ${explain(error, text)}`);
  }
  return convert(parsed.expr, parsed);
}

/** The parser names all that could have followed; where it stopped says more. */
function explain(error: unknown, text: string): string {
  const { location } = error as { location?: { start: { offset: number } } };
  if (!location) return `${(error as Error).message}: correct it`;
  const { offset } = location.start;
  const rest = text.slice(offset, offset + 20);
  return rest === ""
    ? "it ends too early: complete it"
    : `it cannot go on with ${JSON.stringify(rest)}: correct it there`;
}

function convert(expr: Expr | undefined, parsed: Parsed): Node {
  const node = (inner: Expr | undefined) => convert(inner, parsed);
  const kind = expr?.exprKind;
  switch (kind?.case) {
    case "constExpr":
      return constant(kind.value.constantKind);
    case "identExpr":
      return { kind: "name", name: kind.value.name };
    case "selectExpr":
      return { kind: "select", of: node(kind.value.operand), field: kind.value.field, has: kind.value.testOnly };
    case "callExpr": {
      const { function: name, target, args } = kind.value;
      return { kind: "call", name, target: target && node(target), args: args.map(node) };
    }
    case "listExpr":
      return { kind: "list", items: kind.value.elements.map(node) };
    case "structExpr": {
      const { messageName: name, entries } = kind.value;
      if (name === "") {
        return { kind: "map", entries: entries.map((entry) => ({ key: node(key(entry)), value: node(entry.value) })) };
      }
      const fields = entries.map(({ keyKind, value }) => ({ name: String(keyKind.value), value: node(value) }));
      return { kind: "message", name, fields };
    }
    case "comprehensionExpr":
      return macro(String(expr?.id), kind.value, parsed);
    default:
      throw new RuleError("is empty: write an expression, or remove the rule");
  }
}

type Entry = Extract<Expr["exprKind"], { case: "structExpr" }>["value"]["entries"][number];
type Comprehension = Extract<Expr["exprKind"], { case: "comprehensionExpr" }>["value"];
type Constant = Extract<Expr["exprKind"], { case: "constExpr" }>["value"]["constantKind"];

const key = ({ keyKind }: Entry): Expr | undefined => (keyKind.case === "mapKey" ? keyKind.value : undefined);

const maxInt = 2n ** 63n - 1n;

function constant(value: Constant): Node {
  switch (value.case) {
    case "boolValue":
      return { kind: "bool", value: value.value };
    case "int64Value":
      if (value.value > maxInt || value.value < -maxInt - 1n) {
        throw new RuleError(`has the number ${value.value}, which no int can hold: use a smaller one`);
      }
      return { kind: "int", value: value.value };
    case "uint64Value":
      return { kind: "uint", value: value.value };
    case "doubleValue":
      return { kind: "double", value: value.value };
    case "stringValue":
      return { kind: "string", value: value.value };
    case "bytesValue":
      return { kind: "bytes" };
    default:
      return { kind: "null" };
  }
}

/** The parser expands macros into loops and keeps the name; the parts are at fixed places in the loop's step. */
function macro(id: string, { iterRange, iterVar, loopStep }: Comprehension, parsed: Parsed): Node {
  const written = parsed.sourceInfo?.macroCalls[id]?.exprKind;
  const name = written?.case === "callExpr" ? written.value.function : "";
  const args = argsOf(loopStep);
  const whole = (step: Expr | undefined, filter?: Expr): Node => ({
    kind: "macro",
    macro: (name === "existsOne" ? "exists_one" : name) as MacroNode["macro"],
    range: convert(iterRange, parsed),
    variable: iterVar,
    step: convert(step, parsed),
    filter: filter && convert(filter, parsed),
  });
  if (name === "all" || name === "exists") return whole(args[1]);
  if (name === "filter" || name === "exists_one" || name === "existsOne") return whole(args[0]);
  // `@result + [step]`, or `filter ? @result + [step] : @result`.
  const [added, filter] = args.length === 3 ? [argsOf(args[1])[1], args[0]] : [args[1], undefined];
  return whole(added?.exprKind.case === "listExpr" ? added.exprKind.value.elements[0] : undefined, filter);
}

const argsOf = (expr: Expr | undefined): readonly Expr[] =>
  expr?.exprKind.case === "callExpr" ? expr.exprKind.value.args : [];
