import { isIP } from "node:net";
import type { Upstream } from "../deployment.ts";

/** Where a workload is, as Kubernetes sees it. */
export type Location =
  /** A Service; without a namespace, of the namespace that the objects are applied to. */
  | { readonly kind: "service"; readonly name: string; readonly namespace: string | undefined }
  /** A name that the cluster does not serve. */
  | { readonly kind: "outside"; readonly host: string }
  /** A number, or this machine: nothing that a cluster can name. */
  | { readonly kind: "number"; readonly host: string };

const label = /^[a-z\d]([a-z\d-]*[a-z\d])?$/;

/**
 * What an upstream's host is: `shop`, `shop.prod`, `shop.prod.svc` and `shop.prod.svc.cluster.local` are Services, other names
 * are outside. Source: Kubernetes, "DNS for Services and Pods".
 */
export function locationOf({ host }: Upstream): Location {
  if (isIP(host) !== 0 || host === "localhost") return { kind: "number", host };
  const labels = host.toLowerCase().replace(/\.$/, "").split(".");
  const [name = "", namespace, svc] = labels;
  const service =
    labels.length <= 2 || (svc === "svc" && /^[^.]+\.[^.]+\.svc(\.cluster\.local)?$/.test(labels.join(".")));
  if (service && labels.every((one) => label.test(one))) return { kind: "service", name, namespace };
  return { kind: "outside", host };
}
