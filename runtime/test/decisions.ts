import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type Decision, policyChannel } from "../src/core/decision.ts";

/** What policies say that they decided while the function runs. */
export async function decisionsOf(run: () => Promise<unknown>): Promise<Decision[]> {
  const decisions: Decision[] = [];
  const listen = (message: unknown) => void decisions.push(message as Decision);
  subscribe(policyChannel, listen);
  try {
    await run();
  } finally {
    unsubscribe(policyChannel, listen);
  }
  return decisions;
}
