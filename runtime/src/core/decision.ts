import { channel } from "node:diagnostics_channel";

/** The `node:diagnostics_channel` on which policies say what they decided. Free while nobody subscribes. */
export const policyChannel = "protomesh:policy";

/** What a policy decided about one call, published within the call's own async context. */
export interface Decision {
  /** Key of the policy in generated code, such as `rateLimit`. */
  readonly policy: string;
  /** What it did, such as `refused`; `docs/policies.md` lists the outcomes of each policy. */
  readonly outcome: string;
  /** Path of the method. */
  readonly method: string;
  /** Numbers and names that belong to the outcome. Never payloads, credentials or callers. */
  readonly detail?: { readonly [name: string]: string | number | boolean } | undefined;
}

const decisions = channel(policyChannel);

/** Tells the subscribers, if there are any. */
export function decided(policy: string, outcome: string, method: string, detail?: Decision["detail"]): void {
  if (decisions.hasSubscribers) decisions.publish({ policy, outcome, method, detail } satisfies Decision);
}
