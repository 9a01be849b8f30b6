import { isDeepStrictEqual } from "node:util";
import type { OptionValue } from "@protomesh/runtime/policies";
import type { Step } from "../options/resolve.ts";
import type { LintRule } from "./rule.ts";

/** What says nothing new hides what does. Who may call is exempt: saying that again on a method is no noise. */
export const repeatsInherited: LintRule = {
  id: "policy/repeats-inherited",
  severity: "warning",
  purpose: "A service or method does not repeat a whole policy that it would inherit.",
  check({ services, resolver }, report) {
    for (const { desc, methods } of services) {
      for (const owner of [desc, ...methods.map((method) => method.desc)]) {
        const step = resolver.step(owner);
        for (const kind of step ? repeated(step) : []) {
          // A limit that a method sets is its own, and one that it inherits is shared.
          if (kind === "rate_limit" && owner.kind === "rpc") continue;
          const { level } = step?.inherited.origins.get(kind) ?? {};
          if (level === undefined || !step?.level) continue;
          report(step.level.at.field(kind), `the ${level} says the same already: remove it here`);
        }
      }
    }
  },
};

/** The kinds in which a level says only what is in force anyway. */
function repeated({ inherited, level }: Step): string[] {
  if (!level) return [];
  const { use, off = [], auth: _, ...kinds } = level.policy;
  if (use !== undefined) return [];
  const dropped = (off as readonly string[]).map((kind) => kind.toLowerCase());
  return Object.entries(kinds).flatMap(([kind, value]) => {
    const before = inherited.values.get(kind);
    return before !== undefined && !dropped.includes(kind) && says(before, value) ? [kind] : [];
  });
}

/** Whether a value has all that another one sets. Named items are found by their name. */
function says(before: OptionValue, value: OptionValue): boolean {
  if (Array.isArray(before) && Array.isArray(value)) {
    const items = value as readonly OptionValue[];
    if (!items.every(isRecord)) return isDeepStrictEqual(before, value);
    const named = new Map((before as readonly OptionValue[]).filter(isRecord).map((item) => [item.name, item]));
    return items.every((item) => {
      const same = item.name === undefined ? undefined : named.get(item.name);
      return same !== undefined && says(same, item);
    });
  }
  if (!isRecord(before) || !isRecord(value)) return isDeepStrictEqual(before, value);
  const fields = Object.entries(value);
  return (
    fields.length > 0 &&
    fields.every(([field, inner]) => {
      const had = before[field];
      return had !== undefined && says(had, inner);
    })
  );
}

const isRecord = (value: OptionValue): value is { readonly [field: string]: OptionValue } =>
  typeof value === "object" && !Array.isArray(value);
