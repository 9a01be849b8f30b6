import type { OptionRecord, OptionValue } from "@protomesh/runtime/policies";
import type { Profile } from "../options/level.ts";
import type { OptionPath } from "../options/path.ts";
import type { LintRule, Report } from "./rule.ts";

/** What happens when the store is away is a decision that only the author can make. */
export const failMode: LintRule = {
  id: "rate-limit/fail-mode",
  severity: "warning",
  purpose: "A shared rate limit says what happens while its store is away.",
  check({ files, services, resolver }, report) {
    for (const file of files) for (const profile of resolver.profiles(file)) checkLimits(profile, report);
    for (const { desc, methods } of services) {
      for (const owner of [desc, ...methods.map((method) => method.desc)]) {
        const { level, inherited } = resolver.step(owner) ?? {};
        if (level) checkLimits(level, report, inherited?.values.get("rate_limit"));
      }
    }
  },
};

/** Looks where `shared` is written: what is merged there later does not say it better, and what was there before may say it. */
function checkLimits({ policy, at }: Pick<Profile, "policy" | "at">, report: Report, before?: OptionValue): void {
  const said = ((before ?? []) as readonly OptionRecord[]).filter(({ fail_closed: mode }) => mode !== undefined);
  const limits = (policy.rate_limit ?? []) as readonly OptionRecord[];
  for (const [index, { name, shared, fail_closed: failClosed }] of limits.entries()) {
    if (shared !== true || failClosed !== undefined || said.some((limit) => limit.name === name)) continue;
    const place: OptionPath = at.field("rate_limit").item(index);
    report(
      place,
      "it does not say what happens while the store is away: set fail_closed to true to refuse, or to false to give each replica its share",
    );
  }
}
