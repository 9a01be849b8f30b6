import type { LintRule } from "./rule.ts";

/** What a method says itself was thought of; what it inherits may have come about by a method that was added later. */
export const publicSideEffects: LintRule = {
  id: "auth/public-side-effects",
  severity: "warning",
  purpose: "A method that may have side effects is PUBLIC only by its own words.",
  check({ services }, report) {
    for (const { methods } of services) {
      for (const { idempotency, name, policy, origins } of methods) {
        const origin = origins.get("auth.access");
        if (policy.auth?.access !== "PUBLIC" || idempotency === "NO_SIDE_EFFECTS") continue;
        if (!origin || origin.level === "method") continue;
        report(
          origin.place,
          "everybody may call a method that may have side effects: set its idempotency_level to NO_SIDE_EFFECTS if it has none, or say on the method itself who may call",
          name,
        );
      }
    }
  },
};
