import type { Call } from "../../core/call.ts";
import { type Code, RpcError } from "../../core/error.ts";
import type { Outcome } from "./gate.ts";

/** What a failed call says about the peer. */
export function outcomeBy(on: readonly Code[]): (error: unknown, call: Call) => Outcome {
  const failures = new Set(on);
  return (error, { cancellation }) => {
    // Refused by this process, or a mistake in it.
    if (!(error instanceof RpcError) || error.refusedBy !== undefined) return "nothing";
    // A deadline counts whoever set it, and however short: nobody can tell what the peer would have said after it.
    const givenUp = error === cancellation?.reason && error.code !== "DEADLINE_EXCEEDED";
    // Over a wire the peer's own CANCELLED has an origin.
    if (givenUp || (error.code === "CANCELLED" && error.origin === undefined)) return "nothing";
    return failures.has(error.code) ? "failure" : "answer";
  };
}
