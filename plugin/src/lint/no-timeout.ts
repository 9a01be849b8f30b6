import type { LintRule } from "./rule.ts";

/** A call without a deadline holds its memory, and its caller, as long as the server likes. */
export const noTimeout: LintRule = {
  id: "timeout/missing",
  severity: "warning",
  purpose: "A unary method has a deadline at some level.",
  check({ services }, report) {
    for (const { methods, place } of services) {
      for (const { kind, name, policy } of methods) {
        if (kind !== "unary" || policy.timeout?.totalMs !== undefined || policy.timeout?.maxMs !== undefined) continue;
        report(
          place,
          "no level sets timeout.total, so a call may last for ever: set it on the service or in the file's defaults",
          name,
        );
      }
    }
  },
};
