import type { DescMessage } from "@bufbuild/protobuf";
import { carriesRules } from "../validation-rules.ts";
import { type ConstantReply, constantReply } from "./constant-reply.ts";
import { protovalidate } from "./load-protovalidate.ts";
import type { LintRule } from "./rule.ts";

/** A caller relies on what the reply's rules say, and a constant breaks them each time that it is given. */
export const fallbackViolatesRules: LintRule = {
  id: "fallback/violates-rules",
  severity: "error",
  purpose: "The constant reply of a fallback keeps the protovalidate rules of its type.",
  check({ services }, report) {
    for (const { methods } of services) {
      for (const method of methods) {
        const { desc, name, origins } = method;
        const origin = origins.get("fallback");
        if (!origin || !carriesRules(desc.output)) continue;
        const reply = constantReply(method);
        const problem = reply && problemOf(desc.output, reply);
        if (problem !== undefined) report(origin.place, problem, origin.level === "method" ? undefined : name);
      }
    }
  },
};

/** What is wrong with a reply, by the rules of its type. */
function problemOf(type: DescMessage, { message, registry }: ConstantReply): string | undefined {
  const result = protovalidate().createValidator({ registry }).validate(type, message);
  if (result.kind === "valid") return undefined;
  if (result.kind === "error")
    return `whether json keeps the rules of ${type.typeName} cannot be said, because a rule is wrong or has no answer for it: ${result.error.message}; correct the rule, or answer something else`;
  return `json breaks the rules of ${type.typeName}: ${result.violations.join(", ")}; answer something that keeps them`;
}
