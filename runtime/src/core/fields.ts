import { type Code, codes } from "./error.ts";

/**
 * How one option field becomes one config value. The same table serves the generator, which reads options, and
 * the run-time configuration.
 */
export interface Field<T> {
  /** Name in the proto message. */
  readonly option: string;
  /** Turns what the option holds into the config value. Throws `OptionError` when it is not one. */
  readonly parse: (value: OptionValue) => T;
  /**
   * The value when the option is absent; undefined leaves the key out. May depend on the keys before it, and on the
   * options of the method's other kinds, by their names in `mesh.v1.Policy`.
   */
  readonly fallback?: (before: { readonly [key: string]: unknown }, kinds: OptionRecord) => T | undefined;
  /** A nested message: its own table, by config key. */
  readonly fields?: { readonly [key: string]: Field<unknown> };
}

/** An option value as the generator sees it: enum values by name, 64-bit numbers as bigint, messages by field name. */
export type OptionValue =
  | string
  | number
  | bigint
  | boolean
  | readonly OptionValue[]
  | { readonly [field: string]: OptionValue };

/** The fields of an option message that are set, by their proto names. */
export type OptionRecord = { readonly [field: string]: OptionValue };

/** An option value that cannot be used. The message says where it is, what is wrong and what would be right. */
export class OptionError extends Error {
  override readonly name = "OptionError";
  readonly text: string;
  /** Field names from the outside in. */
  readonly path: readonly string[];

  constructor(text: string, path: readonly string[] = []) {
    super(path.length === 0 ? text : `${path.join(".")}: ${text}`);
    this.text = text;
    this.path = path;
  }
}

const units: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration such as "250ms", "1.5s", "2m" or "24h". Must be positive. */
export function parseDuration(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(number) * (units[unit ?? ""] ?? Number.NaN);
  if (!(ms > 0 && Number.isFinite(ms)))
    throw new OptionError(`${JSON.stringify(text)} is not a duration above zero: write "250ms", "1.5s", "2m" or "24h"`);
  return ms;
}

const seconds: { readonly [unit: string]: number } = { s: 1, m: 60, h: 3600 };

/** Calls per second of a rate such as "100/s", "5000/m" or "20/h". Must be positive. */
export function parseRate(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\/(s|m|h)$/.exec(text) ?? [];
  const perSecond = Number(number) / (seconds[unit ?? ""] ?? Number.NaN);
  if (!(perSecond > 0 && Number.isFinite(perSecond)))
    throw new OptionError(`${JSON.stringify(text)} is not a rate above zero: write "100/s", "5000/m" or "20/h"`);
  return perSecond;
}

/** What a key names. `name` is set for `claim`, `metadata` and `field`. */
export interface Key {
  readonly kind: "principal" | "claim" | "peer" | "metadata" | "field" | "method" | "all";
  readonly name: string;
}

/** Reads a key such as "principal", "claim:tenant" or "field:user.id". */
export function parseKey(text: string): Key {
  const [, kind = "", name = ""] = /^([a-z]+)(?::(.+))?$/.exec(text) ?? [];
  const named = kind === "claim" || kind === "metadata" || kind === "field";
  const plain = kind === "principal" || kind === "peer" || kind === "method" || kind === "all";
  if (!(named && name !== "") && !(plain && name === "")) {
    throw new OptionError(
      `${JSON.stringify(text)} is not a key: write "principal", "claim:<name>", "peer", "metadata:<name>", "field:<path>", "method" or "all"`,
    );
  }
  return { kind: kind as Key["kind"], name: kind === "metadata" ? name.toLowerCase() : name };
}

type Rest<T> = Omit<Field<T>, "option" | "parse">;

const text = (value: OptionValue): string => value as string;

/** A duration, as milliseconds. */
export const duration = <T extends number | undefined = number>(option: string, rest: Rest<T> = {}): Field<T> => ({
  option,
  parse: (value) => parseDuration(text(value)) as T,
  ...rest,
});

/** A rate, as calls per second. */
export const rate = (option: string, rest: Rest<number> = {}): Field<number> => ({
  option,
  parse: (value) => parseRate(text(value)),
  ...rest,
});

/** A number between two bounds, both included. */
export const number = <T extends number | undefined = number>(
  option: string,
  { min, max, ...rest }: { readonly min?: number; readonly max?: number } & Rest<T> = {},
): Field<T> => ({
  option,
  parse(value) {
    const given = Number(value);
    const lowest = min ?? Number.NEGATIVE_INFINITY;
    const highest = max ?? Number.POSITIVE_INFINITY;
    if (Number.isFinite(given) && given >= lowest && given <= highest) return given as T;
    const range =
      max === undefined ? `at least ${min}` : min === undefined ? `at most ${max}` : `between ${min} and ${max}`;
    throw new OptionError(`${given} is out of range: use a number ${range}`);
  },
  ...rest,
});

/** A bool. */
export const flag = <T extends boolean | undefined = boolean>(option: string, rest: Rest<T> = {}): Field<T> => ({
  option,
  parse: (value) => (value === true) as T,
  ...rest,
});

/** Text that is not empty. */
export const word = <T extends string | undefined = string>(option: string, rest: Rest<T> = {}): Field<T> => ({
  option,
  parse(value) {
    if (value === "") throw new OptionError("is empty: give it a value or remove it");
    return text(value) as T;
  },
  ...rest,
});

/** One of an enum's value names. The proto compiler has checked which. */
export const choice = <T extends string | undefined>(option: string, rest: Rest<T> = {}): Field<T> => ({
  option,
  parse: (value) => text(value) as T,
  ...rest,
});

/** A list of texts, each checked by `each`. */
export const list = <T extends readonly string[] | undefined = readonly string[]>(
  option: string,
  each: (item: string) => unknown = () => {},
  rest: Rest<T> = {},
): Field<T> => ({
  option,
  parse(value) {
    for (const item of value as readonly string[]) each(item);
    return value as T;
  },
  ...rest,
});

/** A list of status codes other than OK. */
export const statusCodes = (option: string, fallback: readonly Code[]): Field<readonly Code[]> =>
  list<readonly Code[]>(
    option,
    (item) => {
      if (item === "OK" || !codes.includes(item as Code)) {
        throw new OptionError(`${JSON.stringify(item)} is not a failure: name codes such as UNAVAILABLE`);
      }
    },
    { fallback: () => fallback },
  );

/** A nested message. */
export const nested = <T>(
  option: string,
  fields: { readonly [K in keyof T]-?: Field<T[K]> },
  rest: Rest<T> = {},
): Field<T> => ({
  option,
  parse: (value) => parseFields(fields, value as OptionRecord) as T,
  fields: fields as unknown as { readonly [key: string]: Field<unknown> },
  ...rest,
});

/**
 * Applies a table to a message's fields: parsed values, then defaults; keys without either are left out. `kinds` are the
 * options of all kinds of the method, for defaults that depend on another kind.
 */
export function parseFields<Config>(
  fields: { readonly [K in keyof Config]-?: Field<Config[K]> },
  options: OptionRecord,
  kinds: OptionRecord = {},
): Config {
  const config: { [key: string]: unknown } = {};
  for (const [key, field] of Object.entries<Field<unknown>>(fields)) {
    const value = options[field.option];
    const parsed = value === undefined ? field.fallback?.(config, kinds) : parseField(field, value);
    if (parsed !== undefined) config[key] = parsed;
  }
  return config as Config;
}

function parseField(field: Field<unknown>, value: OptionValue): unknown {
  try {
    return field.parse(value);
  } catch (error) {
    if (error instanceof OptionError) throw new OptionError(error.text, [field.option, ...error.path]);
    throw error;
  }
}
