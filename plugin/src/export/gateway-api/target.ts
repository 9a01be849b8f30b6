import type { MethodContract } from "../../contract/contract.ts";
import type { Deployment } from "../deployment.ts";
import { accessOf, issuersOf, reportTokens } from "../shared/access.ts";
import { type Location, locationOf } from "../shared/cluster-service.ts";
import { type KubernetesObject, manifestOf, Names, ObjectNames, objectName, onOneLine } from "../shared/kubernetes.ts";
import { Losses } from "../shared/losses.ts";
import { groupBy, type Workload, workloadsOf } from "../shared/workloads.ts";
import type { Target } from "../target.ts";
import { claimsOf } from "./claims.ts";
import { reportConfusion } from "./confusion.ts";
import { reportLeftOut } from "./left-out.ts";
import { countsAlone } from "./rate-limit.ts";
import { type Group, grpcRoutes, httpRoutes, isStandard, type RouteContext, type RouteOfGroups } from "./routes.ts";
import { type Security, securityOf } from "./security.ts";
import { type Traffic, timeoutsOf, trafficOf } from "./traffic.ts";

/** The Gateway API with the policies of Envoy Gateway: `gateway-api/<workload>.yaml`. */
export const gatewayApi: Target = {
  name: "gateway-api",
  summary: "Gateway API: GRPCRoute, HTTPRoute, and Envoy Gateway's BackendTrafficPolicy and SecurityPolicy",
  write(contract, deployment, { gateway }) {
    const losses = new Losses();
    const names = new ObjectNames();
    const files = workloadsOf(contract, deployment).map((workload) => ({
      name: `gateway-api/${workload.name}.yaml`,
      content: fileOf(workload, deployment, gateway, names, losses),
    }));
    return { files, losses: losses.all };
  },
};

/** A group with what Envoy Gateway does for it. */
interface Treated extends Group {
  readonly traffic: Traffic;
  readonly security: Security | undefined;
}

function fileOf(
  workload: Workload,
  deployment: Deployment,
  gateway: string,
  names: ObjectNames,
  losses: Losses,
): string {
  const { name, services, methods, sources, upstream } = workload;
  const location = locationOf(upstream);
  const groups = groupsOf(methods, deployment, losses);
  const namespace = location.kind === "service" ? location.namespace : undefined;
  const metadata = { name, ...(namespace !== undefined && { namespace }) };
  const context = { names, metadata, parentRefs: [parentOf(gateway)], backendRefs: [backendOf(workload, location)] };
  const grpc = grpcRoutes(groups, context);
  const http = httpRoutes(groups, context, deployment.cors);
  reportPlace(workload, location, losses);
  const issuers = issuersOf(methods.map(({ policy }) => accessOf(policy.auth, deployment)));
  reportTokens("Envoy Gateway", services, issuers, losses);
  const objects = [
    ...(location.kind === "outside" ? [outside(metadata, location.host, upstream.port)] : []),
    ...(upstream.tls ? [tls(workload, location, metadata)] : []),
    ...[...grpc, ...http].map(({ object }) => object),
    ...policies("BackendTrafficPolicy", groups, ({ traffic }) => traffic, context, [...grpc, ...http]),
    ...policies("SecurityPolicy", groups, ({ security }) => security, context, [...grpc, ...http]),
  ];
  const retries = groups.some(({ traffic }) => traffic.retry !== undefined);
  const comment = [
    `Gateway API for ${name}, port ${upstream.port}: ${services.map((service) => service.name).join(", ")}.`,
    `Routes hang on the Gateway ${gateway}. BackendTrafficPolicy and SecurityPolicy are those of Envoy Gateway: with others, the server`,
    "alone decides who may call.",
    ...(http.length > 0 ? ["REST goes to the same port as gRPC: serve both by `listen`."] : []),
    ...(retries
      ? [
          "The gateway retries. A client that retries too multiplies the attempts. Let one side do it: switch it off in clients by an",
          `override { match: "${services[0]?.name}", policy: { off: [RETRY] } }, or here by removing retry.`,
        ]
      : []),
  ];
  return manifestOf(sources, comment, objects);
}

function groupsOf(methods: readonly MethodContract[], deployment: Deployment, losses: Losses): Treated[] {
  const treated = methods.map((method) => {
    reportLeftOut(method, losses);
    for (const route of method.routes)
      if (!isStandard(route))
        losses.at(method.place, `has a route for ${route.method}, which an HTTPRoute cannot match: it is not exported`);
    // Proxies count by rule: what counts for a method alone needs a rule of its own.
    const { concurrency, circuitBreaker, rateLimit = [] } = method.policy;
    const alone = concurrency?.max !== undefined || circuitBreaker !== undefined || rateLimit.some(countsAlone);
    const access = accessOf(method.policy.auth, deployment);
    const claims = claimsOf(method, access);
    return {
      method,
      key: alone ? method.path : "",
      traffic: trafficOf(method, claims, losses),
      security: securityOf(method, access, claims, losses),
      timeouts: timeoutsOf(method),
    };
  });
  reportConfusion(treated, losses);
  const names = new Names();
  return groupBy(treated, ({ key, traffic, security, timeouts }) => [key, traffic, security, timeouts]).map(
    (members) => {
      const { method, traffic, security, timeouts } = members[0] as (typeof members)[number];
      return {
        name: names.next(objectName(method.name)),
        methods: members.map((one) => one.method),
        traffic,
        security,
        timeouts,
      };
    },
  );
}

/** Policies on the rules of groups: one for all that say the same, by the name of the first. */
function policies(
  kind: string,
  groups: readonly Treated[],
  specOf: (group: Treated) => object | undefined,
  { names, metadata }: RouteContext,
  routes: readonly RouteOfGroups[],
): KubernetesObject[] {
  const rules = routes.flatMap(({ object, rules }) => rules.map((rule) => ({ ...rule, object })));
  return groupBy(groups, specOf).flatMap((members) => {
    const [first] = members as [Treated];
    const spec = specOf(first);
    if (!spec) return [];
    const targetRefs = rules
      .filter(({ group }) => members.some(({ name }) => name === group))
      .map(({ name, object }) =>
        onOneLine({
          group: "gateway.networking.k8s.io",
          kind: object.kind,
          name: object.metadata.name,
          sectionName: name,
        }),
      );
    return [
      {
        apiVersion: "gateway.envoyproxy.io/v1alpha1",
        kind,
        metadata: { ...metadata, name: names.next(kind, `${metadata.name}-${first.name}`) },
        spec: { targetRefs, ...spec },
      },
    ];
  });
}

/** A Gateway by its name, or by namespace and name. */
function parentOf(gateway: string): object {
  const [name, namespace] = gateway.split("/").reverse();
  return { name, ...(namespace !== undefined && { namespace }) };
}

const backend = { group: "gateway.envoyproxy.io", kind: "Backend" } as const;

function backendOf({ name, upstream: { port } }: Workload, location: Location): object {
  if (location.kind === "outside") return { ...backend, name };
  return { name: location.kind === "service" ? location.name : name, port };
}

/** A host that is no Service, for Envoy Gateway. */
const outside = (metadata: KubernetesObject["metadata"], hostname: string, port: number): KubernetesObject => ({
  apiVersion: `${backend.group}/v1alpha1`,
  kind: backend.kind,
  metadata,
  spec: { endpoints: [{ fqdn: { hostname, port } }] },
});

/** How the gateway knows that it reached the right server. */
function tls(
  { name, upstream }: Workload,
  location: Location,
  metadata: KubernetesObject["metadata"],
): KubernetesObject {
  const target =
    location.kind === "outside"
      ? { ...backend, name }
      : { group: "", kind: "Service", name: location.kind === "service" ? location.name : name };
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "BackendTLSPolicy",
    metadata,
    spec: {
      targetRefs: [target],
      validation: { hostname: upstream.serverName ?? upstream.host, wellKnownCACertificates: "System" },
    },
  };
}

function reportPlace({ name, services, upstream }: Workload, location: Location, losses: Losses): void {
  for (const { place } of services) {
    if (location.kind === "number")
      losses.at(
        place,
        `is at ${location.host}, which a gateway does not route to: ${name} is taken for its Service; name it in the configuration`,
      );
    if (upstream.caFile !== undefined)
      losses.at(
        place,
        "is trusted by ca_file, which is not exported: the gateway trusts the authorities of its system; put the file in a ConfigMap and name that in BackendTLSPolicy",
      );
    if (upstream.certFile !== undefined)
      losses.at(
        place,
        "is called with cert_file, which is not exported: give the gateway a certificate of its own, in the EnvoyProxy",
      );
  }
}
