import type { BalanceConfig } from "@protomesh/runtime/policies";
import { changed, type Kind, type Verdict } from "../verdict.ts";

const other: Verdict = ["operational", "calls go to other addresses of the target"];

/** `balance`. */
export const balance: Kind<BalanceConfig> = {
  added: () => [other],
  removed: () => [other],
  rows: { picker: changed(other), hashBy: changed(other) },
};
