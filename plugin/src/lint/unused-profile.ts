import type { LintRule } from "./rule.ts";

/** A file without services declares profiles for others, who may be elsewhere. */
export const unusedProfile: LintRule = {
  id: "profile/unused",
  severity: "warning",
  purpose: "A profile of a file with services is used.",
  check({ files, resolver }, report) {
    for (const file of files) {
      if (file.services.length === 0) continue;
      const profiles = resolver.profiles(file);
      for (const profile of profiles) {
        const { ok, name } = profile;
        if (!ok || resolver.isUsed(profile) || profiles.some((other) => other !== profile && other.name === name))
          continue;
        report(
          profile.at,
          `nothing uses profile ${JSON.stringify(name)}: remove it, or move what other files use to a file without services`,
        );
      }
    }
  },
};
