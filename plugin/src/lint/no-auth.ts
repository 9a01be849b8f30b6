import type { LintRule } from "./rule.ts";

/** A warning: such a method is closed, which is safe, and whoever only writes clients need not care. */
export const noAuth: LintRule = {
  id: "auth/missing",
  severity: "warning",
  purpose: "Some level says who may call a method.",
  check({ services }, report) {
    for (const { methods, place } of services) {
      for (const { name, policy } of methods) {
        if (policy.auth !== undefined) continue;
        report(
          place,
          "no level sets auth, so a server refuses every call: set auth.access to AUTHENTICATED, PUBLIC or DENY on the service",
          name,
        );
      }
    }
  },
};
