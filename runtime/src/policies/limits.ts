import { number } from "../core/fields.ts";
import type { Policy, Rule } from "../core/policy.ts";
import type { LimitsConfig } from "./limits/config.ts";
import { limitCalling, limitServing } from "./limits/layer.ts";

export type { LimitsConfig } from "./limits/config.ts";

/** What connections and servers take unless they are told otherwise. */
const usualBytes = 4 * 1024 * 1024;

const rules: readonly Rule<LimitsConfig>[] = [
  {
    id: "limits/above-usual",
    severity: "warning",
    purpose: "A message that a method allows is one that servers and connections take by default.",
    check({ requestBytes = 0, responseBytes = 0 }, { runtime }) {
      if (runtime || Math.max(requestBytes, responseBytes) <= usualBytes) return undefined;
      const [side, option, bytes] =
        requestBytes > usualBytes
          ? ["servers", "request_bytes", requestBytes]
          : ["clients", "response_bytes", responseBytes];
      return `${side} refuse messages above ${usualBytes} bytes before they look at ${option} (${bytes}): set maxReceiveBytes of ${side} too, or lower it`;
    },
  },
  {
    id: "limits/messages-of-unary",
    severity: "error",
    purpose: "Only methods that stream limit the number of messages.",
    field: "messages",
    whenInherited: ({ messages: _, ...others }) => others,
    check: ({ messages }, { kind }) =>
      messages !== undefined && kind === "unary"
        ? "messages counts those of a stream, and this method is unary: remove it, or set it where methods stream"
        : undefined,
  },
];

/** Bounds what a call may send and get. Transports enforce the bytes, a layer the messages. */
export const limits: Policy<"limits", LimitsConfig> = {
  name: "limits",
  option: "limits",
  fields: {
    requestBytes: number("request_bytes", { min: 1, max: 2 ** 31 - 1 }),
    responseBytes: number("response_bytes", { min: 1, max: 2 ** 31 - 1 }),
    messages: number("messages", { min: 1 }),
  },
  client: limitCalling,
  server: limitServing,
  rules,
  reference: {
    example: "limits: { request_bytes: 65536 response_bytes: 1048576 }",
    errors: {
      RESOURCE_EXHAUSTED:
        "A message is larger, or a stream longer, than allowed. By HTTP: 413 when the body is larger than `request_bytes`, 429 otherwise.",
    },
    outcomes: {
      refused:
        "A limit was exceeded; `limit` says which, `max` how much it allows, `direction` which way a stream went.",
    },
    exports: {
      "gRPC service config": "`maxRequestMessageBytes`, `maxResponseMessageBytes`; gRPC for Node.js ignores both.",
      Envoy:
        "Filter `buffer` with `max_request_bytes`, for requests that do not stream and come in several frames. Refused: UNKNOWN.",
      Istio: "An EnvoyFilter with the same filter.",
      "Gateway API": "Envoy Gateway: BackendTrafficPolicy `requestBuffer.limit`.",
    },
  },
};
