import type { MethodFacts, Rule } from "./policy.ts";

/** What `fit` needs of a row. */
interface FitRow {
  readonly name: string;
  readonly option: string;
  // biome-ignore lint/suspicious/noExplicitAny: the config's type belongs to the row; the name ties the two together
  readonly rules?: readonly Rule<any>[];
}

/** A policy that a method goes without, although it inherits it. */
export interface Unfit {
  readonly option: string;
  /** The rule that it would break, and what that says. */
  readonly id: string;
  readonly text: string;
}

/**
 * Takes from a method's policy, in place, what the method cannot have and only inherits. Returns what should be told:
 * whole policies, not single fields. `inherits` says whether the method only inherits an option, or one field of it.
 */
export function fit(
  rows: readonly FitRow[],
  policy: { [kind: string]: unknown },
  facts: MethodFacts,
  inherits: (option: string, field: string | undefined) => boolean,
): Unfit[] {
  const lost = new Set<string>();
  const unfit: Unfit[] = [];
  for (const { name, option, rules = [] } of rows) {
    for (const { id, check, field, whenInherited } of rules) {
      if (!whenInherited || !(name in policy) || !inherits(option, field)) continue;
      const text = check(policy[name], { ...facts, policy });
      const left = text === undefined ? policy[name] : whenInherited(policy[name], lost);
      if (text === undefined || left === policy[name]) continue;
      lost.add(field === undefined ? name : `${name}.${field}`);
      if (Object.keys(left ?? {}).length === 0) delete policy[name];
      else policy[name] = left;
      if (field === undefined) unfit.push({ option, id, text });
    }
  }
  return unfit;
}
