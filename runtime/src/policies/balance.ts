import { choice, OptionError, parseKey } from "../core/fields.ts";
import type { FieldFacts, Policy, Rule } from "../core/policy.ts";

/** Which of a target's addresses gets a call. Transports do it: the policy installs no layer. */
export interface BalanceConfig {
  readonly picker: "PICK_FIRST" | "ROUND_ROBIN" | "LEAST_REQUEST" | "WEIGHTED" | "RING_HASH";
  /** RING_HASH: `metadata:<name>` or `field:<path>`. */
  readonly hashBy?: string;
}

const notAKey = ({ scalar, repeated, map }: FieldFacts): string | undefined => {
  if (map) return "a map";
  if (repeated) return "repeated";
  return scalar === "float" || scalar === "message" ? `a ${scalar}` : undefined;
};

/** What a client knows of a call and what differs between calls. */
function parseHashBy(text: string): string {
  if (/^(metadata|field):/.test(text)) parseKey(text);
  else {
    throw new OptionError(
      `${JSON.stringify(text)} is no key that tells a client's calls apart: write "metadata:<name>" or "field:<path>"`,
    );
  }
  return text;
}

const rules: readonly Rule<BalanceConfig>[] = [
  {
    id: "balance/hash-by-without-ring",
    severity: "error",
    purpose: "Only RING_HASH has a key.",
    check: ({ picker, hashBy }, { runtime }) =>
      // A run-time configuration cannot take back the key of a proto file; it means nothing then.
      hashBy !== undefined && picker !== "RING_HASH" && !runtime
        ? `${picker} looks at no key: remove hash_by, or set picker to RING_HASH`
        : undefined,
  },
  {
    id: "balance/ring-without-hash-by",
    severity: "error",
    purpose: "RING_HASH has a key.",
    check: ({ picker, hashBy }) =>
      picker === "RING_HASH" && hashBy === undefined
        ? 'RING_HASH needs a key: set hash_by, such as "metadata:tenant" or "field:id"'
        : undefined,
  },
  {
    id: "balance/key-field",
    severity: "error",
    purpose: "A field key of hash_by names a request field that makes a key.",
    whenInherited: () => undefined,
    check({ hashBy }, method) {
      const { kind, name } = parseKey(hashBy ?? "all");
      if (kind !== "field" || streamsRequests(method.kind)) return undefined;
      const field = method.field(name);
      if (!field) return `the request has no field ${name}: correct field:${name} in hash_by`;
      const problem = notAKey(field);
      return problem && `field ${name} is ${problem}, which makes no key: use a string, bytes, bool, enum or integer`;
    },
  },
  {
    id: "balance/field-of-stream",
    severity: "error",
    purpose: "The address for a stream of requests does not depend on a request field.",
    whenInherited: () => undefined,
    check: ({ hashBy }, { kind }) =>
      parseKey(hashBy ?? "all").kind === "field" && streamsRequests(kind)
        ? "the address is chosen before the first of a stream of requests is there: use metadata:<name> in hash_by"
        : undefined,
  },
];

const streamsRequests = (kind: string): boolean => kind === "clientStream" || kind === "bidi";

/** Chooses among the addresses of a target. Sources: gRFC A42, A58; "The Power of Two Choices" (Mitzenmacher). */
export const balance: Policy<"balance", BalanceConfig> = {
  name: "balance",
  option: "balance",
  enabledBy: "picker",
  replaces: ({ picker }) => picker !== undefined && picker !== "RING_HASH",
  fields: {
    picker: choice("picker"),
    hashBy: { option: "hash_by", parse: (value) => parseHashBy(value as string) },
  },
  rules,
  reference: {
    example: 'balance: { picker: RING_HASH hash_by: "metadata:tenant" }',
    errors: {
      UNAVAILABLE: "No address of the target is connected; as without the policy.",
    },
    outcomes: {},
    exports: {
      "gRPC service config":
        "`loadBalancingConfig`: `pick_first`, `round_robin`, `least_request_experimental`, `weighted_round_robin`, `ring_hash_experimental` with `requestHashHeader`. It holds for a whole channel, not for a method.",
      Envoy: "`load_balancing_policy` of a cluster; `hash_policy.header` of a route for metadata keys.",
      Istio: "DestinationRule `loadBalancer.simple`, or `consistentHash.httpHeaderName` for metadata keys.",
      "Gateway API": "Envoy Gateway: BackendTrafficPolicy `loadBalancer`.",
    },
  },
};
