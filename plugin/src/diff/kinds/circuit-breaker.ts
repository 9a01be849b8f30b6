import type { CircuitBreakerConfig } from "@protomesh/runtime/policies";
import { changed, each, type Kind, type Verdict } from "../verdict.ts";

const other: Verdict = ["operational", "clients stop calling a failing server sooner or later than before"];
const otherCodes: Verdict = ["operational", "other failures count"];

/** `circuit_breaker`. */
export const circuitBreaker: Kind<CircuitBreakerConfig> = {
  added: () => [["operational", "clients stop calling a failing server"]],
  removed: () => [["operational", "clients go on calling a failing server"]],
  rows: {
    adaptive: changed(other),
    ratio: changed(other),
    minCalls: changed(other),
    windowMs: changed(other),
    openMs: changed(other),
    probes: changed(other),
    on: each({ added: otherCodes, removed: otherCodes }),
    slowMs: changed(other),
    force: changed(other),
  },
};
