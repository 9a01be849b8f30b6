import type { ConcurrencyConfig } from "@protomesh/runtime/policies";
import { changed, type Kind, type Verdict } from "../verdict.ts";

const other: Verdict = ["operational", "the server admits another number of calls at once"];

/** `concurrency`: a matter of what a server can bear, not of what callers were promised. */
export const concurrency: Kind<ConcurrencyConfig> = {
  added: () => [other],
  removed: () => [other],
  rows: {
    max: changed(other),
    min: changed(other),
    adaptive: changed(other),
    queue: changed(["operational", "another number of calls may wait for a place"]),
    criticality: changed(["operational", "it matters more or less than other calls when there are too many"]),
  },
};
