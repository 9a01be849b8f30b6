/** The longest line, as far as lines can be broken. */
export const width = 120;
const opening = "([{";
const closing = ")]}";

/**
 * Indents printed code by its brackets, and breaks lines that are too long the way Biome and Prettier do: at the
 * outermost brackets, one item per line. Templates therefore need no indentation, and may leave any list on one line.
 *
 * Expects what the templates print: strings in double quotes or backticks, comments on lines of their own.
 */
export function layout(code: string): string {
  const lines: string[] = [];
  const open: number[] = [];
  for (const raw of code.split("\n")) {
    const line = raw.trim();
    if (line === "" || isComment(line)) {
      lines.push(line === "" ? "" : pad(open.length === 0 ? 0 : inner(open), line.startsWith("*") ? ` ${line}` : line));
      continue;
    }
    const indent = closeLeading(line, open);
    for (const placed of place(line, indent)) lines.push(placed);
    follow(line, lines.at(-1) as string, open);
  }
  return lines.join("\n");
}

const isComment = (line: string) => line.startsWith("//") || line.startsWith("/**") || line.startsWith("*");
const pad = (indent: number, line: string) => "  ".repeat(indent) + line;
const inner = (open: readonly number[]) => (open.at(-1) ?? -1) + 1;

/** The indentation of a line, which is that of the opening line when it starts by closing brackets. */
function closeLeading(line: string, open: number[]): number {
  let indent = inner(open);
  for (let i = 0; closing.includes(line.charAt(i)) && i < line.length; i++) indent = open.pop() ?? 0;
  return indent;
}

/** Keeps the indentation of every bracket that the line leaves open. `placed` is the line as it was printed last. */
function follow(line: string, placed: string, open: number[]): void {
  const indent = (placed.length - placed.trimStart().length) / 2;
  let leading = true;
  for (const { char } of tokens(line)) {
    if (closing.includes(char)) {
      if (!leading) open.pop();
    } else {
      leading = false;
      if (opening.includes(char)) open.push(indent);
    }
  }
}

/** One line of code as lines that fit, as far as there is a bracket or an assignment to break at. */
function place(line: string, indent: number): string[] {
  if (indent * 2 + line.length <= width) return [pad(indent, line)];
  const arrow = /^[\w$]+: \([^()]*\) =>(?= )/.exec(line)?.[0];
  if (arrow) return [pad(indent, arrow), ...placeCondition(line.slice(arrow.length + 1), indent + 1)];
  const group = outermost(line);
  if (group) {
    const items = splitItems(line.slice(group.from + 1, group.to));
    if (!(line.startsWith("import ") && items.length === 1)) {
      return [
        pad(indent, line.slice(0, group.from + 1)),
        ...items.flatMap((item) => place(`${item},`, indent + 1)),
        ...place(line.slice(group.to), indent),
      ];
    }
  }
  // After a key of four characters or fewer, a new line would win next to nothing.
  const assigned = /^(?:[\w$]{5,}:|"[^"]{3,}":|(?:export )?const [^"=]+ =)(?= (?:"|\/\*@__PURE__))/.exec(line)?.[0];
  if (!assigned) return [pad(indent, line)];
  return [pad(indent, assigned), pad(indent + 1, line.slice(assigned.length + 1))];
}

/** A condition as lines that end with their operator. What stands in parentheses is broken last. */
function placeCondition(line: string, indent: number): string[] {
  if (indent * 2 + line.length <= width) return [pad(indent, line)];
  const operands = splitOperands(line, " ||") ?? splitOperands(line, " &&");
  if (operands) return operands.flatMap((operand) => placeCondition(operand, indent));
  const [, inside, tail = ""] = /^\((.*)\)( \|\|| &&|,)$/.exec(line) ?? [];
  const inner = inside && (splitOperands(inside, " ||") ?? splitOperands(inside, " &&"));
  if (!inner) {
    // Items may stand on lines of their own, with a comma after the last; a value in parentheses may not.
    const group = outermost(line);
    const isValue = group && line.charAt(group.from) === "(" && !/[\w$]$/.test(line.slice(0, group.from));
    return isValue ? [pad(indent, line)] : place(line, indent);
  }
  const lines = inner.flatMap((operand, n) => placeCondition(operand, n === 0 ? indent : indent + 1));
  return lines.map((text, n) => {
    const opened = n === 0 ? `${"  ".repeat(indent)}(${text.trimStart()}` : text;
    return n === lines.length - 1 ? `${opened})${tail}` : opened;
  });
}

/** Splits a condition after each operator outside brackets; undefined when there is none, other than at its end. */
function splitOperands(line: string, operator: " ||" | " &&"): string[] | undefined {
  const operands: string[] = [];
  let depth = 0;
  let start = 0;
  for (const { char, at } of tokens(line)) {
    if (opening.includes(char)) depth++;
    else if (closing.includes(char)) depth--;
    else if (depth === 0 && line.startsWith(`${operator} `, at)) {
      operands.push(line.slice(start, at + operator.length));
      start = at + operator.length + 1;
    }
  }
  return operands.length === 0 ? undefined : [...operands, line.slice(start)];
}

/** The first bracket that the line both opens and closes, with something inside. */
function outermost(line: string): { from: number; to: number } | undefined {
  const open: number[] = [];
  let found: { from: number; to: number } | undefined;
  for (const { char, at } of tokens(line)) {
    if (opening.includes(char)) open.push(at);
    else if (closing.includes(char)) {
      const from = open.pop();
      if (from === undefined || at === from + 1) continue;
      // A pair around the pairs found so far takes their place; a later one beside them does not.
      if (!found || from < found.from) found = { from, to: at };
    }
  }
  return found;
}

/** Splits the inside of brackets at its own commas. */
function splitItems(inside: string): string[] {
  const items: string[] = [];
  let depth = 0;
  let start = 0;
  for (const { char, at } of tokens(inside)) {
    if (opening.includes(char)) depth++;
    else if (closing.includes(char)) depth--;
    else if (char === "," && depth === 0) {
      items.push(inside.slice(start, at).trim());
      start = at + 1;
    }
  }
  const last = inside.slice(start).trim();
  return last === "" ? items : [...items, last];
}

/** The characters of a line that are outside strings. */
function* tokens(line: string): Generator<{ readonly char: string; readonly at: number }> {
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at);
    if (char === '"' || char === "`") {
      do at = line.indexOf(char, at + 1);
      while (at > 0 && isEscaped(line, at));
    } else yield { char, at };
  }
}

/** Whether an odd number of backslashes stands before the position. */
function isEscaped(line: string, at: number): boolean {
  let from = at;
  while (line.charAt(from - 1) === "\\") from--;
  return (at - from) % 2 === 1;
}
