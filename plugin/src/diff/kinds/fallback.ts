import type { FallbackConfig } from "@protomesh/runtime/policies";
import { changed, each, type Kind, type Verdict } from "../verdict.ts";

const other: Verdict = ["semantic", "callers get another answer instead of a failure"];

/** `fallback`. */
export const fallback: Kind<FallbackConfig> = {
  added: () => [["semantic", "callers get an answer that is not the server's instead of a failure"]],
  removed: () => [["semantic", "callers get the failure itself"]],
  rows: {
    on: each({
      added: ["semantic", "the failure is replaced"],
      removed: ["semantic", "callers get the failure itself"],
    }),
    json: changed(other),
    stale: changed(other),
    method: changed(other),
  },
};
