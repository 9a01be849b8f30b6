import type { OptionRecord } from "@protomesh/runtime/policies";
import type { LintRule } from "./rule.ts";

/** Lists replace as a whole, which is easily forgotten where it opens a door. */
export const scopesReplaced: LintRule = {
  id: "auth/scopes-dropped",
  severity: "warning",
  purpose: "A method that sets scopes still asks for those that it would inherit.",
  check({ services, resolver }, report) {
    for (const { methods } of services) {
      for (const { desc, policy, origins } of methods) {
        const origin = origins.get("auth.scopes");
        if (origin?.level !== "method" || policy.auth?.access !== "AUTHENTICATED") continue;
        const { access, scopes } = (resolver.step(desc)?.inherited.values.get("auth") ?? {}) as OptionRecord;
        const { scopes: kept } = policy.auth;
        const dropped = ((scopes ?? []) as readonly string[]).filter((scope) => !kept.includes(scope));
        if (access !== "AUTHENTICATED" || dropped.length === 0) continue;
        report(
          origin.place,
          `a list replaces what is inherited, so ${dropped.join(", ")} is no longer needed here: add it, or leave scopes out`,
        );
      }
    }
  },
};
