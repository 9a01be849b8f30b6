import { type ChannelOptions, experimental } from "@grpc/grpc-js";
import type { Picker } from "../core/wire-policy.ts";
import { type Chooser, Endpoints, type Member } from "./balance-endpoints.ts";
import { Ring } from "./balance-ring.ts";
import { WireMetadata } from "./convert.ts";

const leastRequest = "protomesh_least_request";
const ringHash = "protomesh_ring_hash";

/** By the names of grpc-js. A name that it does not know is passed over. */
const configs: { readonly [picker in Picker]: readonly string[] } = {
  PICK_FIRST: ["pick_first"],
  ROUND_ROBIN: ["round_robin"],
  LEAST_REQUEST: [leastRequest, "round_robin"],
  WEIGHTED: ["weighted_round_robin", "round_robin"],
  RING_HASH: [ringHash, "round_robin"],
};

const any = (members: readonly Member[]): Member => members[Math.floor(Math.random() * members.length)] as Member;

/** Of two members the one with fewer calls. */
const choosers: { readonly [name: string]: Chooser } = {
  [leastRequest](ready) {
    const members = [...ready.values()];
    return () => {
      const first = Math.floor(Math.random() * members.length);
      const one = members[first] as Member;
      if (members.length === 1) return one;
      const step = 1 + Math.floor(Math.random() * (members.length - 1));
      const other = members[(first + step) % members.length] as Member;
      return other.active < one.active ? other : one;
    };
  },
  [ringHash](ready) {
    const members = [...ready.values()];
    const ring = new Ring(ready);
    return ({ metadata }) => {
      const place = metadata instanceof WireMetadata ? metadata.preference : undefined;
      return place === undefined ? any(members) : ring.at(place);
    };
  },
};

/** The part of grpc-js that may change in any release. */
type Experimental = Partial<
  Pick<typeof experimental, "registerLoadBalancerType" | "isLoadBalancerNameRegistered" | "LeafLoadBalancer">
>;

let registered = false;

/** The options of a channel whose calls are spread by this picker. */
export function balancing(picker: Picker, api: Experimental = experimental): ChannelOptions {
  if (!registered) register(api);
  const [wanted = ""] = configs[picker];
  if (!api.isLoadBalancerNameRegistered?.(wanted)) {
    process.emitWarning(
      `this version of @grpc/grpc-js cannot balance by ${picker}: calls go to each address in turn; update @grpc/grpc-js or @protomesh/runtime`,
      { code: "PROTOMESH_BALANCE" },
    );
  }
  const loadBalancingConfig = configs[picker].map((name) => ({ [name]: {} }));
  return { "grpc.service_config": JSON.stringify({ loadBalancingConfig }) };
}

/** Makes our pickers known to grpc-js, where it still has what they are built on. */
function register({ registerLoadBalancerType, LeafLoadBalancer }: Experimental): void {
  if (!registerLoadBalancerType || !LeafLoadBalancer) return;
  registered = true;
  for (const [name, chooser] of Object.entries(choosers)) {
    registerLoadBalancerType(
      name,
      class extends Endpoints {
        constructor(helper: experimental.ChannelControlHelper) {
          super(name, helper, chooser);
        }
      },
      class implements experimental.TypedLoadBalancingConfig {
        static createFromJson() {
          return new this();
        }
        getLoadBalancerName() {
          return name;
        }
        toJsonObject() {
          return { [name]: {} };
        }
      },
    );
  }
}
