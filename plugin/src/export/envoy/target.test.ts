import { expect, test } from "vitest";
import { documentsOf, exported, rpc, type Yaml } from "../../../test/exported.ts";

const open = "auth: { access: PUBLIC }";

/** The parts of the bootstrap that tests look at. */
function envoyOf(services: string, config?: string) {
  const outcome = exported("envoy", services, config);
  const [{ static_resources }] = documentsOf(outcome) as [Yaml];
  const manager = static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
  return {
    listener: static_resources.listeners[0],
    clusters: static_resources.clusters as Yaml[],
    filters: manager.http_filters as Yaml[],
    routes: manager.route_config.virtual_hosts[0].routes as Yaml[],
    warnings: outcome.warnings.filter((line) => line.includes("[export/")),
  };
}

const clusterNames = (clusters: readonly Yaml[]): string[] => clusters.map(({ name }) => name);

test("what is no method's leads nowhere, whatever targets are called", () => {
  const { routes, clusters } = envoyOf(`service None { ${rpc("Get", open)} }`);
  expect(clusterNames(clusters)).toEqual(["none"]);
  expect(routes.map(({ match, route }) => [match.path ?? match.prefix, route.cluster])).toEqual([
    ["/acme.None/Get", "none"],
    ["/", "no cluster"],
  ]);
});
