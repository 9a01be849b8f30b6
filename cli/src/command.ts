import { parseArgs } from "node:util";

/** A command line that is none of ours. The message says what is wrong and what to write. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A flag of a command. */
export interface Flag {
  /** Without its dashes. */
  readonly name: string;
  /** What follows it, such as `file`; a flag without is a switch. */
  readonly value?: string;
  /** May be there several times. */
  readonly many?: true;
  /** The value may be secret, and so may be what is left of it without quotes: other arguments are then not repeated. */
  readonly secret?: true;
  /** One letter. */
  readonly short?: string;
  /** For --help, one line. */
  readonly text: string;
}

/** What a command takes besides flags. */
export interface Operand {
  readonly name: string;
  /** For --help, one line. */
  readonly text: string;
  readonly optional?: true;
  /** Takes all that follow; the last one only. */
  readonly many?: true;
  /** All that it may be, for completion. */
  readonly values?: readonly string[];
}

/** One command of `protomesh`. Help, parsing and completion come from the same rows. */
export interface Command {
  /** One sentence. */
  readonly summary: string;
  /** Command lines that work, most common first. */
  readonly examples: readonly string[];
  /** What it takes besides flags, by the name that help shows. Default: nothing. */
  readonly operands?: readonly Operand[];
  readonly flags: readonly Flag[];
  /** What else help says. */
  readonly notes?: string;
  /** The exit code for what `run` throws, where 1 and 2 mean something else. Default: 1, and 2 for a command line that is wrong. */
  readonly failure?: { readonly usage: number; readonly other: number };
  /** Returns the exit code. What it throws is printed. */
  run(given: Given): Promise<number>;
}

/** For commands whose exit code is their answer. Source: sysexits.h, EX_USAGE and EX_DATAERR. */
export const noAnswer: Required<Command>["failure"] = { usage: 64, other: 65 };

/** What a command was given. */
export interface Given {
  readonly operands: readonly string[];
  /** The value of a flag, or undefined. */
  one(flag: string): string | undefined;
  /** The values of a flag that may be there several times. */
  all(flag: string): readonly string[];
  /** Whether a switch is on. */
  has(flag: string): boolean;
}

const own: readonly Flag[] = [{ name: "help", short: "h", text: "shows this" }];

/** Reads the arguments of a command. Throws a UsageError. */
export function parse({ flags, operands = [] }: Command, args: readonly string[]): Given {
  const options = Object.fromEntries(
    [...flags, ...own].map(({ name, value, short }) => [
      name,
      {
        type: value === undefined ? ("boolean" as const) : ("string" as const),
        multiple: true,
        ...(short && { short }),
      },
    ]),
  );
  const { values, positionals } = read(() => parseArgs({ args: [...args], options, allowPositionals: true }));
  const all = (flag: string) => (values[flag] ?? []) as readonly string[];
  for (const { name, many, value } of flags) {
    if (value !== undefined && all(name).includes(""))
      throw new UsageError(`--${name} is empty: write --${name} <${value}>`);
    if (value !== undefined && !many && all(name).length > 1)
      throw new UsageError(`--${name} is there twice: keep one`);
  }
  const missing = operands.find(({ optional }, index) => !optional && positionals[index] === undefined);
  if (missing) throw new UsageError(`<${missing.name}> is missing: ${missing.text}`);
  const [extra] = operands.at(-1)?.many ? [] : positionals.slice(operands.length);
  if (extra !== undefined)
    throw new UsageError(
      flags.some(({ secret }) => secret)
        ? `there is an argument after ${operands.map(({ name }) => `<${name}>`).join(" ")}: put quotes around what has spaces`
        : `unknown argument ${extra}`,
    );
  return { operands: positionals, one: (flag) => all(flag)[0], all, has: (flag) => all(flag).length > 0 };
}

function read<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code?.startsWith("ERR_PARSE_ARGS")) throw error;
    const unknown = /^Unknown option '([^']+)'/.exec(message)?.[1];
    if (unknown !== undefined) throw new UsageError(`unknown argument ${unknown}`);
    const without = /^Option '(?:-\w, )?--([\w-]+) <value>' argument (missing|is ambiguous)/.exec(message)?.[1];
    if (without !== undefined) throw new UsageError(`--${without} has no value: write --${without} <value>`);
    throw new UsageError(message);
  }
}

/** What `protomesh <name> --help` prints. */
export function helpOf({ summary, examples, operands = [], flags, notes }: Command): string {
  const rows: [string, string][] = [
    ...operands.map(({ name, text }): [string, string] => [`<${name}>`, text]),
    ...[...flags, ...own].map(({ name, short, value, text }): [string, string] => [
      `${short ? `-${short}, ` : ""}--${name}${value ? ` <${value}>` : ""}`,
      text,
    ]),
  ];
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return [
    summary,
    examples.map((example) => `  ${example}`).join("\n"),
    rows.map(([left, text]) => `  ${left.padEnd(width)}${text}`).join("\n"),
    ...(notes === undefined ? [] : [notes]),
  ].join("\n\n");
}

/** Whether help is all that is wanted. What follows `--` is for somebody else. */
export function asksHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).some((arg) => arg === "--help" || arg === "-h");
}
