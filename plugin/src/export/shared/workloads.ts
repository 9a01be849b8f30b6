import type { Contract, MethodContract, ServiceContract } from "../../contract/contract.ts";
import type { Deployment, Upstream } from "../deployment.ts";
import { Names, objectName } from "./kubernetes.ts";

/** The services behind one address, by the name of its first upstream: what infrastructure routes to, balances and guards as one thing. */
export interface Workload {
  /** Differs from those of the others; fit for objects of Kubernetes. */
  readonly name: string;
  readonly upstream: Upstream;
  readonly services: readonly ServiceContract[];
  /** Of all its services, in their order. */
  readonly methods: readonly MethodContract[];
  /** The proto files of its services, as imports name them. */
  readonly sources: readonly string[];
}

/** All workloads of a contract, in the order of their first services. */
export function workloadsOf({ services }: Contract, deployment: Deployment): Workload[] {
  const groups = groupBy(
    services.map((service) => ({ service, upstream: deployment.upstreamOf(service.name) })),
    ({ upstream: { host, port } }) => [host, port],
  );
  const names = new Names();
  return groups.map((members) => {
    const { upstream } = members[0] as (typeof members)[number];
    const own = members.map(({ service }) => service);
    return {
      name: names.next(objectName(upstream.name)),
      upstream,
      services: own,
      methods: own.flatMap(({ methods }) => methods),
      sources: [...new Set(own.map(({ desc }) => desc.file.proto.name))],
    };
  });
}

/** Items with equal keys together, in the order in which they come first. A key is compared by its JSON. */
export function groupBy<Item>(items: readonly Item[], key: (item: Item) => unknown): Item[][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const text = JSON.stringify(key(item)) ?? "";
    const group = groups.get(text);
    if (group) group.push(item);
    else groups.set(text, [item]);
  }
  return [...groups.values()];
}
