import type { MethodContract } from "../../contract/contract.ts";
import type { Deployment } from "../deployment.ts";
import { issuersOf, reportTokens } from "../shared/access.ts";
import { type Location, locationOf } from "../shared/cluster-service.ts";
import { type KubernetesObject, manifestOf } from "../shared/kubernetes.ts";
import { Losses } from "../shared/losses.ts";
import { groupBy, type Workload, workloadsOf } from "../shared/workloads.ts";
import type { Target } from "../target.ts";
import { requestAuthentication } from "./authentication.ts";
import { authorizationPolicies, type Guards, guardsOf } from "./authorization.ts";
import { destinationRule } from "./destination-rule.ts";
import { reportLeftOut } from "./left-out.ts";
import { behaviourOf, virtualService } from "./virtual-service.ts";

/** Istio: `istio/<workload>.yaml`, a file for each workload, because Istio routes and guards hosts, not services of gRPC. */
export const istio: Target = {
  name: "istio",
  summary: "Istio: VirtualService, DestinationRule, RequestAuthentication, AuthorizationPolicy",
  write(contract, deployment) {
    const losses = new Losses();
    const workloads = workloadsOf(contract, deployment);
    reportShared(workloads, losses);
    const guarded = workloads.filter(({ upstream }) => locationOf(upstream).kind !== "outside");
    const guards = new Map(guarded.map((workload) => [workload, guardsOf(workload.methods, deployment, losses)]));
    const files = workloads.map((workload) => {
      const beside = [...guards].filter(([other]) => samePods(workload, other)).map(([, those]) => those);
      const together: Guards = new Map(beside.flatMap((those) => [...those]));
      return { name: `istio/${workload.name}.yaml`, content: fileOf(workload, deployment, together, losses) };
    });
    return { files, losses: losses.all };
  },
};

/** Whether policies may select the pods of both: the label is the same, and no namespace tells them apart. */
function samePods(one: Workload, other: Workload): boolean {
  const [a, b] = [locationOf(one.upstream), locationOf(other.upstream)];
  const namespaces = [a, b].flatMap((location) => (location.kind === "service" ? (location.namespace ?? []) : []));
  return appOf(one, a) === appOf(other, b) && new Set(namespaces).size < 2;
}

/** Istio takes one VirtualService and one DestinationRule for a host. */
function reportShared(workloads: readonly Workload[], losses: Losses): void {
  for (const [first, ...others] of groupBy(workloads, (workload) => hostOf(workload, locationOf(workload.upstream))))
    for (const { place } of others.flatMap(({ services }) => services))
      losses.at(
        place,
        `is at another port of the host of ${first?.services[0]?.name}: Istio takes one VirtualService for a host, so put the entries of both files into one`,
      );
}

function fileOf(workload: Workload, deployment: Deployment, guards: Guards, losses: Losses): string {
  const { name, methods, services, sources, upstream } = workload;
  const location = locationOf(upstream);
  const host = hostOf(workload, location);
  const namespace = location.kind === "service" ? location.namespace : undefined;
  const metadata = { name, ...(namespace !== undefined && { namespace }) };
  const behaviours = new Map(methods.map((method) => [method, behaviourOf(method, losses)]));
  const retries = (method: MethodContract) => (behaviours.get(method)?.retries.attempts ?? 0) > 0;
  for (const method of methods) reportLeftOut(method, losses);
  const rule = destinationRule(workload, metadata, host, retries, losses);
  const objects = [
    ...(location.kind === "outside" ? [serviceEntry(metadata, host, upstream.port)] : []),
    virtualService(workload, metadata, host, behaviours),
    ...(rule ? [rule] : []),
    ...(location.kind === "outside"
      ? []
      : protection(workload, appOf(workload, location), metadata, guards, deployment, losses)),
  ];
  for (const service of services) {
    for (const { name, policy, routes } of service.methods)
      if (routes.length > 0 && (policy.timeout || policy.retry))
        losses.at(
          service.place,
          "has REST routes, to which Istio gives no timeouts and no retries: the gateway has them",
          name,
        );
    if (location.kind === "outside")
      losses.at(
        service.place,
        `is at ${location.host}, outside of the cluster: nothing of auth is exported, because Istio guards its own workloads`,
      );
    if (upstream.caFile !== undefined)
      losses.at(
        service.place,
        "is trusted by ca_file, which is not exported: proxies trust the authorities of their system; mount the file and name it in caCertificates",
      );
    if (upstream.certFile !== undefined)
      losses.at(
        service.place,
        "is called with cert_file, which is not exported: mount certificate and key, and set tls.mode MUTUAL",
      );
    if (location.kind === "number")
      losses.at(
        service.place,
        `is at ${location.host}, which a mesh does not route to: ${host} is taken for its Service; name it in the configuration`,
      );
  }
  const comment = [
    `Istio for ${name}, ${host} port ${upstream.port}: ${services.map((service) => service.name).join(", ")}.`,
    ...(location.kind === "outside"
      ? []
      : [
          `The pods have the label app: ${appOf(workload, location)}${namespace === undefined ? "; apply it to their namespace" : ""}.`,
        ]),
    ...(methods.some(retries)
      ? [
          "The proxy of the caller retries. A client that retries too multiplies the attempts. Let one side do it: switch it off in",
          `clients by an override { match: "${services[0]?.name}", policy: { off: [RETRY] } }, or here by attempts: 0.`,
        ]
      : []),
  ];
  return manifestOf(sources, comment, objects);
}

/** Istio takes a name without dots for a Service of the object's own namespace, and needs others in full. */
function hostOf({ name }: Workload, location: Location): string {
  if (location.kind === "outside") return location.host;
  if (location.kind === "number") return name;
  return location.namespace === undefined ? location.name : `${location.name}.${location.namespace}.svc.cluster.local`;
}

/** Pods are taken to have the name of their Service as the label that Istio's own tools look at. */
const appOf = ({ name }: Workload, location: Location): string => (location.kind === "service" ? location.name : name);

/** Makes a host outside of the cluster one that the mesh knows. */
const serviceEntry = (metadata: KubernetesObject["metadata"], host: string, port: number): KubernetesObject => ({
  apiVersion: "networking.istio.io/v1",
  kind: "ServiceEntry",
  metadata,
  spec: {
    hosts: [host],
    location: "MESH_EXTERNAL",
    ports: [{ number: port, name: "grpc", protocol: "GRPC" }],
    resolution: "DNS",
  },
});

/** Who may call the pods of a workload. */
function protection(
  { methods, services }: Workload,
  app: string,
  metadata: KubernetesObject["metadata"],
  guards: Guards,
  deployment: Deployment,
  losses: Losses,
): KubernetesObject[] {
  const selector = { matchLabels: { app } };
  const issuersFor = (some: Guards) => issuersOf([...some.values()].map(({ access }) => access));
  const issuers = issuersFor(new Map([...guards].filter(([method]) => methods.includes(method))));
  const together = issuersFor(guards);
  for (const [method, { access }] of guards)
    if (methods.includes(method) && together.length > 0 && access.kind === "everybody" && access.jwt.length === 0)
      losses.add(
        method,
        "auth.access",
        "looks at tokens too: Istio checks those of a whole workload, and refuses who shows a bad one",
      );
  reportTokens("Istio", services, issuers, losses);
  return [
    ...(issuers.length > 0 ? [requestAuthentication(metadata, selector, issuers)] : []),
    ...authorizationPolicies(metadata, selector, methods, guards, deployment.cors !== undefined, losses),
  ];
}
