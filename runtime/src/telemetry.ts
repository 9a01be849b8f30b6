import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type Decision, policyChannel } from "./core/decision.ts";

/** Text, numbers and flags by name, as OpenTelemetry takes them. */
type Attributes = { [name: string]: string | number | boolean };

/** What is used of `metrics.getMeter(...)` and `trace` of `@opentelemetry/api`. */
export interface TelemetryApi {
  readonly meter: {
    createCounter(
      name: string,
      options: { readonly description: string; readonly unit: string },
    ): { add(value: number, attributes: Attributes): void };
  };
  /** Default: spans get no events. */
  readonly trace?: {
    getActiveSpan(): { addEvent(name: string, attributes: Attributes): unknown } | undefined;
  };
}

/**
 * Hands what policies decide to OpenTelemetry: the counter `mesh.policy.decisions` with the attributes `mesh.policy`,
 * `mesh.outcome` and `rpc.method`, and an event `mesh.policy` on the span that is active where the call was made or is
 * served, with the details as well.
 *
 * `recordDecisions({ meter: metrics.getMeter("protomesh"), trace })`. Returns how to stop. Until it is called, decisions
 * cost nothing. Details never become attributes of the counter: they have too many values.
 */
export function recordDecisions({ meter, trace }: TelemetryApi): () => void {
  const counter = meter.createCounter("mesh.policy.decisions", {
    description: "What the policies of this process decided about calls.",
    unit: "{decision}",
  });
  const listen = (message: unknown) => {
    const { policy, outcome, method, detail } = message as Decision;
    const attributes = { "mesh.policy": policy, "mesh.outcome": outcome, "rpc.method": method.slice(1) };
    counter.add(1, attributes);
    trace?.getActiveSpan()?.addEvent("mesh.policy", { ...detail, ...attributes });
  };
  subscribe(policyChannel, listen);
  return () => void unsubscribe(policyChannel, listen);
}
