import type { Contract, MethodContract } from "../../contract/contract.ts";

import type { Deployment } from "../deployment.ts";
import { Losses } from "../shared/losses.ts";
import type { Target } from "../target.ts";
import { Auth } from "./auth.ts";
import { hashOf } from "./balance.ts";
import { Clusters } from "./clusters.ts";
import { AdaptiveConcurrency } from "./concurrency.ts";
import { corsFilter, corsPolicy } from "./cors.ts";
import { reportLeft } from "./left.ts";
import { Limits } from "./limits.ts";
import { listenerOf } from "./listener.ts";
import type { Part } from "./part.ts";
import { printYaml } from "./print.ts";
import { RateLimits } from "./rate-limit.ts";
import { hedgeOf, retryOf } from "./retry.ts";
import { timesOf } from "./timeout.ts";
import { transcoderFilter } from "./transcoder.ts";

/**
 * A static bootstrap for Envoy, `envoy.yaml`: one listener with a route for each method, in front of the servers.
 * Source: Envoy v3 API, envoy.config.bootstrap.v3.Bootstrap.
 */
export const envoy: Target = {
  name: "envoy",
  summary: "a static bootstrap for Envoy in front of the services: envoy.yaml",
  write(contract, deployment) {
    if (contract.services.length === 0) return { files: [], losses: [] };
    const losses = new Losses();
    const bootstrap = bootstrapOf(contract, deployment, losses);
    const text = printYaml(bootstrap);
    return { files: [{ name: "envoy.yaml", content: `${heading}${text}` }], losses: losses.all };
  },
};

const heading = `# Envoy in front of gRPC services, by the policies of their proto files. Written by protoc-gen-mesh: change those.
# Where it retries, callers need not: grpc-retry-pushback-ms in its failures tells their libraries so.
`;

function bootstrapOf(contract: Contract, deployment: Deployment, losses: Losses): Part {
  const parts: Parts = {
    clusters: new Clusters(losses),
    auth: new Auth(deployment, losses),
    rateLimits: new RateLimits(deployment, losses),
    limits: new Limits(losses),
    concurrency: new AdaptiveConcurrency(losses),
    losses,
  };
  const { auth, rateLimits, limits, concurrency, clusters } = parts;
  const routes = contract.services.flatMap(({ name, methods }) => {
    const upstream = deployment.upstreamOf(name);
    return methods.map((method) => routeOf(method, clusters.of(method, upstream), parts));
  });
  const filters = [
    ...corsFilter(deployment.cors),
    // What follows sees gRPC alone, under the paths of the methods.
    ...transcoderFilter(contract, losses),
    ...concurrency.filters(),
    ...auth.filters(),
    ...rateLimits.filters(),
    ...limits.filters(),
  ];
  const virtualHost = {
    name: "services",
    domains: ["*"],
    ...perFilter({ ...corsPolicy(deployment.cors), ...limits.defaults() }),
    routes: [...routes, nothing],
  };
  return {
    static_resources: {
      listeners: [listenerOf(deployment.listener, filters, virtualHost)],
      clusters: [...clusters.all(), ...auth.clusters()],
    },
  };
}

/** What paths have that are no method's, or not yet: 404, and what the host says, such as which pages may call. */
const nothing = {
  match: { prefix: "/" },
  // With a space, which no upstream's name has.
  route: { cluster: "no cluster", cluster_not_found_response_code: "NOT_FOUND" },
};

interface Parts {
  readonly clusters: Clusters;
  readonly auth: Auth;
  readonly rateLimits: RateLimits;
  readonly limits: Limits;
  readonly concurrency: AdaptiveConcurrency;
  readonly losses: Losses;
}

function routeOf(method: MethodContract, cluster: string, parts: Parts): Part {
  const { auth, rateLimits, limits, concurrency, losses } = parts;
  reportLeft(method, losses);
  const again = retryOf(method, losses) ?? hedgeOf(method, losses);
  return {
    match: { path: method.path, grpc: {} },
    route: {
      cluster,
      ...timesOf(method, !again),
      ...again?.action,
      ...hashOf(method, losses),
      ...rateLimits.of(method),
    },
    ...again?.route,
    ...perFilter({ ...auth.of(method), ...concurrency.of(method), ...limits.of(method) }),
  };
}

const perFilter = (configs: Part): Part =>
  Object.keys(configs).length === 0 ? {} : { typed_per_filter_config: configs };
