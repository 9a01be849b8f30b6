import type { Policy } from "../core/policy.ts";

/** Faults that a run-time configuration injects. */
export type FaultConfig = { readonly [none in never]: never };

/** Delays and aborts calls on purpose. Set by a run-time configuration alone. Source: gRFC A33. */
export const fault: Pick<Policy<"fault", FaultConfig>, "name" | "client" | "server"> = { name: "fault" };
