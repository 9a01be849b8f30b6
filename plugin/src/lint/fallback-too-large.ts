import { constantReply } from "./constant-reply.ts";
import type { LintRule } from "./rule.ts";

/** A reply that its own method may not give. */
export const fallbackTooLarge: LintRule = {
  id: "fallback/too-large",
  severity: "error",
  purpose: "The constant reply of a fallback is within the limit for replies.",
  check({ services }, report) {
    for (const { methods } of services) {
      for (const method of methods) {
        const { name, policy, origins } = method;
        const most = policy.limits?.responseBytes;
        const origin = origins.get("fallback");
        if (most === undefined || !origin) continue;
        const { size = 0 } = constantReply(method) ?? {};
        if (size <= most) continue;
        report(
          origin.place,
          `json is a reply of ${size} bytes, and limits.response_bytes is ${most}: raise it, or answer less`,
          origin.level === "method" ? undefined : name,
        );
      }
    }
  },
};
