import type { ObjectiveConfig } from "@protomesh/runtime/policies";
import { changed, type Kind, type Verdict } from "../verdict.ts";

const other: Verdict = ["operational", "another promise: it changes no call"];

/** `objective`. */
export const objective: Kind<ObjectiveConfig> = {
  added: () => [["operational", "a promise: it changes no call"]],
  removed: () => [["operational", "nothing is promised any more: it changes no call"]],
  rows: { availability: changed(other), latencyMs: changed(other), quantile: changed(other) },
};
