import type { Policy } from "../core/policy.ts";
import type { FaultConfig } from "./fault/config.ts";
import { disturbAttempt, disturbServing } from "./fault/layer.ts";

export type { FaultConfig } from "./fault/config.ts";

/** Delays and aborts calls on purpose. Set by a run-time configuration alone. Source: gRFC A33. */
export const fault: Pick<Policy<"fault", FaultConfig>, "name" | "client" | "server" | "reference"> = {
  name: "fault",
  client: disturbAttempt,
  server: disturbServing,
  reference: {
    example: "",
    errors: {
      DEADLINE_EXCEEDED: "The delay was longer than the call's time.",
      UNAVAILABLE: "Or any other code: the one of `abort`.",
    },
    outcomes: {
      delayed: "The call waits before it goes on; `ms` is how long.",
      aborted: "The call failed with `code`, and went no further.",
    },
    exports: {
      Envoy: "The `fault` filter: `delay`, `abort.grpc_status`, `headers`, `max_active_faults`.",
      Istio: "`http[].fault` of a VirtualService: `delay` and `abort.grpcStatus`.",
    },
  },
};
