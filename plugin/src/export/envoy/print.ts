/**
 * Plain objects as YAML 1.2, in block style. A library's document is a tree of nodes, which for a thousand routes takes longer than
 * all the rest; `yaml` reads it back in the tests.
 */
export function printYaml(value: unknown): string {
  return `${blockOf(value, "").trimStart()}\n`;
}

/** A value after a key or a dash, with what goes before it: a space, or a line break. */
function blockOf(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return " []";
    return value.map((item) => `\n${indent}-${afterDash(item, `${indent}  `)}`).join("");
  }
  if (typeof value !== "object" || value === null) return ` ${scalar(value)}`;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  if (entries.length === 0) return " {}";
  return entries.map(([key, inner]) => `\n${indent}${scalar(key)}:${blockOf(inner, `${indent}  `)}`).join("");
}

/** The first line of a block stands behind its dash. */
function afterDash(item: unknown, indent: string): string {
  const block = blockOf(item, indent);
  return block.startsWith("\n") ? ` ${block.slice(1 + indent.length)}` : block;
}

/** Text that can stand without quotes and is nothing else than text: no number (to some readers, E0), no date, none of YAML's words. */
const bare = /^[A-Za-z_/](?:[\w./, -]|:(?=[\w/]))*(?<! )$/;
const words = /^(?:true|false|null|yes|no|on|off|y|n|e\d+)$/i;

function scalar(value: unknown): string {
  if (typeof value !== "string") return String(value);
  if (durations.test(value)) return value;
  return bare.test(value) && !words.test(value) ? value : JSON.stringify(value);
}

/** As `google.protobuf.Duration` has them. */
const durations = /^\d+(?:\.\d+)?s$/;
