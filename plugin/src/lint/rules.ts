import { amplification } from "./amplification.ts";
import { cachedSecret } from "./cached-secret.ts";
import { failMode } from "./fail-mode.ts";
import { fallbackTooLarge } from "./fallback-too-large.ts";
import { fallbackViolatesRules } from "./fallback-violates-rules.ts";
import { noAuth } from "./no-auth.ts";
import { noTimeout } from "./no-timeout.ts";
import { publicSideEffects } from "./public-side-effects.ts";
import { repeatsInherited } from "./repeats-inherited.ts";
import type { LintRule } from "./rule.ts";
import { scopesReplaced } from "./scopes-replaced.ts";
import { sensitiveName } from "./sensitive-name.ts";
import { unusedProfile } from "./unused-profile.ts";

/** The rules on files, services, profiles and fields: the one registry. */
export const lintRules: readonly LintRule[] = [
  noTimeout,
  noAuth,
  publicSideEffects,
  scopesReplaced,
  cachedSecret,
  fallbackTooLarge,
  fallbackViolatesRules,
  failMode,
  amplification,
  unusedProfile,
  repeatsInherited,
  sensitiveName,
];
