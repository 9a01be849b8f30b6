import type { MethodContract } from "../contract/contract.ts";
import type { ChangeClass } from "./change.ts";

/** What a change means: its class, and why, in a sentence without its end. */
export type Verdict = readonly [ChangeClass, string];

/** A method in both contracts, for options whose meaning depends on others. */
export interface Both {
  readonly before: MethodContract;
  readonly after: MethodContract;
}

/**
 * Says what it means that an option's resolved value has changed; undefined where it is not set and has no default. Several
 * verdicts are one change of the gravest class; none means that nothing has changed after all.
 */
export type Judge<T> = (before: T | undefined, after: T | undefined, both: Both) => readonly Verdict[];

/** What a change of an option means; of a message, by its own options, which reports call `as` where it is no option itself. */
export type Row<T> = Judge<NonNullable<T>> | { readonly rows: Rows<NonNullable<T>>; readonly as?: string };

/** A row for every option of a message, by its key in the resolved policy: the compiler misses none. */
export type Rows<Config> = { readonly [Key in keyof Config]-?: Row<Config[Key]> };

/** What changes of one policy mean. */
export interface Kind<Config> {
  /** For a method that did not have it. Absent here and in `removed`: its options are judged one by one. */
  readonly added?: (config: Config, both: Both) => readonly Verdict[];
  /** For a method that no longer has it. */
  readonly removed?: (config: Config) => readonly Verdict[];
  readonly rows: Rows<Config>;
}

/** A policy that is a list: items are compared by their name. */
export interface ListKind<Item> extends Kind<Item> {
  readonly added: (item: Item, both: Both) => readonly Verdict[];
  readonly removed: (item: Item) => readonly Verdict[];
  /** Whether changes from one to the other concern nobody: they are operational then. */
  readonly idle: (before: Item, after: Item) => boolean;
}

/** A number; where a policy may lack it, `absent` stands for that: `Infinity` where there is then no limit. */
export const ordered =
  ({
    absent = Number.NaN,
    raised,
    lowered,
  }: {
    readonly absent?: number;
    readonly raised: Verdict;
    readonly lowered: Verdict;
  }): Judge<number> =>
  (before = absent, after = absent) =>
    before === after ? [] : [after > before ? raised : lowered];

/** A bool, off when absent. */
export const flag =
  ({ on, off }: { readonly on: Verdict; readonly off: Verdict }): Judge<boolean> =>
  (before = false, after = false) =>
    before === after ? [] : [after ? on : off];

/** Any change means the same. Absent stands for `absent`. */
export const changed =
  <T>(verdict: Verdict, absent?: T): Judge<T> =>
  (before = absent, after = absent) =>
    before === after ? [] : [verdict];

/** A list whose order means nothing. */
export const each =
  ({ added, removed }: { readonly added: Verdict; readonly removed: Verdict }): Judge<readonly string[]> =>
  (before = [], after = []) => [...named(without(after, before), added), ...named(without(before, after), removed)];

/** A verdict about items, which its text begins with. */
export const named = (items: readonly string[], [grave, why]: Verdict): readonly Verdict[] =>
  items.length === 0 ? [] : [[grave, `${items.join(", ")}: ${why}`]];

/** The items that are not among others. */
export const without = (items: readonly string[], others: readonly string[]): readonly string[] =>
  items.filter((item) => !others.includes(item));
