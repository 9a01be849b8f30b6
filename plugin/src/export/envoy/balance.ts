import type { BalanceConfig } from "@protomesh/runtime/policies";
import type { MethodContract } from "../../contract/contract.ts";
import type { Losses } from "../shared/losses.ts";
import { extension, type Part } from "./part.ts";

const types: { readonly [picker in BalanceConfig["picker"]]: Part } = {
  PICK_FIRST: extension("load_balancing_policies.round_robin.v3.RoundRobin"),
  ROUND_ROBIN: extension("load_balancing_policies.round_robin.v3.RoundRobin"),
  LEAST_REQUEST: extension("load_balancing_policies.least_request.v3.LeastRequest", { choice_count: 2 }),
  WEIGHTED: extension("load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin"),
  RING_HASH: extension("load_balancing_policies.ring_hash.v3.RingHash"),
};

/** How a cluster chooses an address. */
export function balancerOf({ picker }: BalanceConfig): Part {
  const typed_config = types[picker];
  const name = String(typed_config["@type"]).replace(/^.*extensions\.(load_balancing_policies\.\w+)\..*$/, "envoy.$1");
  return { load_balancing_policy: { policies: [{ typed_extension_config: { name, typed_config } }] } };
}

/** What of a request a route hashes, and what a balancer cannot do. */
export function hashOf(method: MethodContract, losses: Losses): Part {
  const { picker, hashBy } = method.policy.balance ?? {};
  if (picker === "PICK_FIRST")
    losses.add(method, "balance.picker", "Envoy has no such balancer: addresses get calls in turn");
  if (hashBy === undefined) return {};
  const header_name = /^metadata:(.+)$/.exec(hashBy)?.[1];
  if (header_name !== undefined) return { hash_policy: [{ header: { header_name } }] };
  losses.add(method, "balance.hash_by", `Envoy reads no fields of a request: calls go anywhere, not by ${hashBy}`);
  return {};
}
