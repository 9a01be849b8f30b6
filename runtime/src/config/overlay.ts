import { type BudgetConfig, budgetFields } from "../core/budget.ts";
import type { OptionRecord, OptionValue } from "../core/fields.ts";
import type { MethodSpec } from "../core/spec.ts";
import type { MethodPolicy } from "../policies/index.ts";
import type { Override } from "./overrides.ts";
import type { Place } from "./place.ts";
import { type Row, rows } from "./rows.ts";

type Config = { readonly [key: string]: unknown };

/** What overrides make of one method. */
export interface Overlaid {
  readonly policy: { [kind: string]: unknown };
  /** Where each kind was set or dropped last, by its option. */
  readonly origins: ReadonlyMap<string, Place>;
  /** What overrides that name this very method try in vain. */
  readonly problems: readonly Problem[];
}

/** What is wrong with an override, for one method. */
export interface Problem {
  readonly place: Place;
  readonly text: string;
}

/**
 * Lays overrides over a method's resolved policy. Pure: the same input gives the same output, and nothing is checked that the
 * rules check afterwards.
 *
 * What the proto files resolved stays, also what was a default there: a changed `retry.initial` does not move `retry.max`.
 */
export function overlay(method: MethodSpec, overrides: readonly Override[]): Overlaid {
  const layers = new Map(rows.map((row) => [row.option, new Kind(row, method.policy[row.name])]));
  const origins = new Map<string, Place>();
  const asked: { readonly kind: Kind; readonly at: Place }[] = [];
  const extra: { -readonly [K in "fault" | "split" | "mirror"]?: Override[K] } = {};
  for (const { policy, place, single, fault, split, mirror } of overrides) {
    const { off = [], ...kinds } = policy;
    for (const kind of off as readonly string[]) {
      layers.get(kind.toLowerCase())?.drop();
      origins.set(kind.toLowerCase(), place.at("policy.off"));
    }
    for (const [option, value] of Object.entries(kinds)) {
      const kind = layers.get(option) as Kind;
      kind.lay(value, single);
      const at = place.at(`policy.${jsonNames.get(option)}`);
      origins.set(option, at);
      if (single) asked.push({ kind, at });
    }
    if (fault) extra.fault = fault;
    if (split) extra.split = split;
    if (mirror) extra.mirror = mirror;
  }
  // Only now, because a later override may switch on what an earlier one prepares, or drop it.
  const problems = asked.flatMap(({ kind, at }): Problem[] => {
    const text = Object.keys(kind.record).length > 0 ? kind.missing() : undefined;
    return text === undefined ? [] : [{ place: at, text }];
  });
  const records = Object.fromEntries([...layers].map(([option, kind]) => [option, kind.record]));
  const policy: { [kind: string]: unknown } = {};
  for (const kind of layers.values()) {
    const config = kind.config(records);
    if (config !== undefined) policy[kind.row.name] = config;
  }
  shareBudget(policy, method.policy, records);
  return { policy: { ...policy, ...extra }, origins, problems };
}

const jsonNames = new Map(
  rows.map(({ option }) => [option, option.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())]),
);

/** Retries and hedges of a service draw on one budget, whichever kind the method has. */
function shareBudget(policy: { [kind: string]: unknown }, before: MethodPolicy, { retry }: OptionRecord): void {
  const { hedge } = policy as MethodPolicy;
  if (!hedge) return;
  const { budget: record } = (retry ?? {}) as { budget?: OptionRecord };
  const base = before.hedge?.budget ?? before.retry?.budget ?? hedge.budget;
  const budget = record ? (laid(budgetFields, base as unknown as Config, record, {}) as unknown as BudgetConfig) : base;
  policy.hedge = { ...hedge, budget };
}

/** One kind of policy of one method, on its way through the overrides. */
class Kind {
  readonly row: Row;
  #base: Config | readonly Config[] | undefined;
  #record: OptionRecord | undefined;
  #items = new Map<OptionValue, OptionRecord>();

  constructor(row: Row, base: unknown) {
    this.row = row;
    this.#base = base as Config | readonly Config[] | undefined;
  }

  /** The options that overrides have set so far. */
  get record(): OptionValue {
    return this.#record ?? {};
  }

  drop(): void {
    this.#base = undefined;
    this.#record = undefined;
    this.#items.clear();
  }

  lay(value: OptionValue, single: boolean): void {
    if (!Array.isArray(value)) {
      const options = value as OptionRecord;
      // Scopes that an earlier override asks for mean nothing where everybody may call.
      const before = this.row.name === "auth" && options.access === "PUBLIC" ? {} : this.#record;
      this.#record = merged(before ?? {}, options, this.row);
      return;
    }
    for (const item of value as readonly OptionRecord[]) {
      const { name = "" } = item;
      // As at generation: what is said for a whole service is shared by its methods.
      const fresh = !this.#items.has(name) && !this.#listed().some((one) => one.name === name);
      const scope = single ? { "": "method" } : fresh ? { "": "service" } : {};
      this.#items.set(name, { ...merged(this.#items.get(name) ?? {}, item, this.row), ...scope });
    }
  }

  /** Why the options do nothing, when they do nothing. */
  missing(): string | undefined {
    const { enabledBy, oneof = [], option } = this.row;
    if (this.#base !== undefined || this.#items.size > 0) return undefined;
    if (option === "idempotency") return "a key is a promise of the API, and this method has none: remove it";
    const needed = enabledBy === undefined ? oneof : [enabledBy];
    if (needed.length === 0 || needed.some((one) => this.#record?.[one] !== undefined)) return undefined;
    return `does nothing without ${needed.join(" or ")}: set it, the proto file does not`;
  }

  /** The config in force; undefined when the method does not have the kind. */
  config(kinds: OptionRecord): unknown {
    const { fields } = this.row;
    if (this.#items.size > 0 || Array.isArray(this.#base)) return this.#list(kinds);
    const base = this.#base as Config | undefined;
    const record = this.#record;
    if (!record) return base;
    if (this.missing()) return undefined;
    // Nobody is told what else the proto file asks of callers that may not call.
    if (this.row.name === "auth" && record.access === "DENY") return laid(fields, undefined, { access: "DENY" }, kinds);
    return laid(fields, base && this.#without(base, record), record, kinds);
  }

  #list(kinds: OptionRecord): readonly Config[] {
    const items = new Map(this.#listed().map((item) => [item.name, item]));
    for (const [name, record] of this.#items)
      items.set(name, laid(this.row.fields, items.get(name), record, kinds) as Config);
    return [...items.values()];
  }

  #listed(): readonly Config[] {
    return (this.#base ?? []) as readonly Config[];
  }

  /** Without the members of a oneof that give way to another one. */
  #without(base: Config, record: OptionRecord): Config {
    const { oneof = [], fields } = this.row;
    if (!oneof.some((one) => record[one] !== undefined)) return base;
    return Object.fromEntries(Object.entries(base).filter(([key]) => !oneof.includes(fields[key]?.option ?? "")));
  }
}

/** Options on top of options: messages merge, the rest replaces. */
function merged(base: OptionRecord, value: OptionRecord, row?: Row): OptionRecord {
  const oneof = row?.oneof ?? [];
  const result: { [option: string]: OptionValue } = { ...base };
  if (oneof.some((one) => value[one] !== undefined)) for (const one of oneof) delete result[one];
  for (const [option, inner] of Object.entries(value)) {
    const before = result[option];
    result[option] = isRecord(before) && isRecord(inner) ? merged(before, inner) : inner;
  }
  return result;
}

const isRecord = (value: OptionValue | undefined): value is OptionRecord =>
  typeof value === "object" && !Array.isArray(value);

/** Config on top of config: what an option says, else what was there, else the default. */
function laid(fields: Row["fields"], base: Config | undefined, record: OptionRecord, kinds: OptionRecord): Config {
  const config: { [key: string]: unknown } = {};
  for (const [key, field] of Object.entries(fields)) {
    const value = record[field.option];
    const before = base?.[key];
    const now =
      value === undefined
        ? (before ?? field.fallback?.(config, kinds))
        : field.fields && before !== undefined
          ? laid(field.fields, before as Config, value as OptionRecord, kinds)
          : field.parse(value);
    if (now !== undefined) config[key] = now;
  }
  return config;
}
