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

const providers = `
auth:
  providers:
    - { name: users, jwt: { issuer: "https://id.example", jwks_uri: "https://id.example/keys" } }
    - { name: staff, jwt: { issuer: "https://staff.example", jwks_uri: "https://staff.example/keys", clock_skew: 100ms } }
    - { name: nested, jwt: { issuer: "https://n.example", jwks_uri: "https://n.example/keys", scopes_claim: "https://n.example/roles" } }
    - { name: keys, api_key: { keys: [{ sha256: ${"ab".repeat(32)}, subject: ada }] } }
    - { name: mesh, mtls: { callers: [{ id: "spiffe://acme.com/cart", scopes: [read] }] } }
`;
const filterOf = (filters: readonly Yaml[], name: string): Yaml =>
  filters.find((filter) => filter.name === `envoy.filters.http.${name}`)?.typed_config;

test("a limit of a service has a bucket for what each of its methods tells apart", () => {
  const { filters, routes } = envoyOf(
    `service Shop {
      option (mesh.v1.service) = { rate_limit: { name: "own" rate: "1/h" by: "principal" } };
      ${rpc("Ours", "auth: { access: AUTHENTICATED providers: 'users' }")}
      ${rpc("Theirs", "auth: { access: AUTHENTICATED providers: 'staff' }")}
      ${rpc("Both", "auth: { access: AUTHENTICATED providers: 'users' providers: 'staff' }")}
    }`,
    providers,
  );
  const buckets = filterOf(filters, "local_ratelimit").descriptors.map(({ entries }: Yaml) =>
    entries.map(({ key }: Yaml) => key).join(" "),
  );
  expect(buckets).toEqual(["limit users: sub", "limit", "limit staff: sub", "limit users: sub staff: sub"]);
  for (const { route } of routes.slice(0, 3)) {
    const keys = route.rate_limits[0].actions.map(
      ({ generic_key, metadata }: Yaml) => (generic_key ?? metadata).descriptor_key,
    );
    expect(buckets).toContain(keys.join(" "));
  }
});

test("a skew below a second is not Envoy's default of a minute", () => {
  const { filters } = envoyOf(
    `service Shop { ${rpc("Get", "auth: { access: AUTHENTICATED providers: 'staff' }")} }`,
    providers,
  );
  expect(filterOf(filters, "jwt_authn").providers.staff.clock_skew_seconds).toBe(1);
});

test("a claim is looked up by its name, dots and all", () => {
  const { routes } = envoyOf(
    `service Shop { ${rpc("Get", "auth: { access: AUTHENTICATED providers: 'nested' scopes: 'read' }")} }`,
    providers,
  );
  const text = JSON.stringify(routes[0].typed_per_filter_config["envoy.filters.http.rbac"]);
  expect(text).toContain('"path":[{"key":"nested"},{"key":"https://n.example/roles"}]');
});

test("callers that Envoy cannot know are a loss, on PUBLIC methods too", () => {
  const { warnings } = envoyOf(
    `service Shop {
      ${rpc("Greet", "auth: { access: PUBLIC providers: 'users' providers: 'keys' providers: 'gone' }")}
      ${rpc("Certified", "auth: { access: AUTHENTICATED providers: 'mesh' }")}
      ${rpc("Limited", "auth: { access: AUTHENTICATED providers: 'users' providers: 'keys' providers: 'mesh' } rate_limit: { name: 'own' rate: '1/s' by: 'principal' }")}
    }`,
    providers,
  );
  const said = (text: RegExp) => warnings.filter((line) => text.test(line));
  expect(said(/names keys, gone, by which Envoy checks nobody/)).toHaveLength(1);
  expect(said(/without server\.tls\.client_ca_file: callers that only mesh/)).toHaveLength(2);
  expect(said(/own: .*mesh.* share one bucket/)).toHaveLength(1);
});

test.each([
  ["ratio: 0.001", { failure_percentage_threshold: 1 }],
  ["ratio: 0.5", { failure_percentage_threshold: 50 }],
])("a breaker with %s never leaves out addresses that fail nothing", (options, expected) => {
  const { clusters } = envoyOf(`service Shop { ${rpc("Get", `${open} circuit_breaker: { ${options} }`)} }`);
  expect(clusters[0].outlier_detection).toMatchObject(expected);
});

test("an adaptive breaker has the lowest success rate that Envoy takes", () => {
  const { clusters } = envoyOf(
    `service Shop { ${rpc("Get", `${open} circuit_breaker: { adaptive: true ratio: 0.999 }`)} }`,
  );
  expect(JSON.stringify(clusters[0])).toContain('"sr_threshold":{"default_value":{"value":1}');
});

test("the time of an attempt holds where nothing is sent again after all, and is a loss where hedges have none", () => {
  const { routes, warnings } = envoyOf(`service Shop {
    ${rpc("Lost", `${open} timeout: { total: "2s" attempt: "300ms" } retry: { attempts: 3 on: [ABORTED] }`)}
    ${rpc("Hedged", `${open} timeout: { total: "2s" attempt: "300ms" } hedge: { attempts: 2 delay: "50ms" }`)}
  }`);
  expect(routes[0].route.max_stream_duration.max_stream_duration).toBe("0.3s");
  expect(routes[1].route.max_stream_duration.max_stream_duration).toBe("2s");
  expect(warnings.filter((line) => line.includes("timeout.attempt"))).toEqual([
    expect.stringContaining("Envoy has no time for one attempt of a hedge"),
  ]);
});

test("hedges keep to the budget, and one budget of several is a loss", () => {
  const budget = (ratio: number) => `option (mesh.v1.service) = { retry: { budget: { ratio: ${ratio} } } };`;
  const { clusters, warnings } = envoyOf(
    `service Shop { ${budget(0.07)} ${rpc("Hedged", `${open} hedge: { attempts: 2 delay: "50ms" }`)} }
     service Stock { ${budget(0.5)} ${rpc("Retried", `${open} retry: { attempts: 2 }`)} }`,
    'targets: [{ name: one, address: "one:1" }]',
  );
  expect(clusters[0].circuit_breakers.thresholds[0].retry_budget).toMatchObject({ budget_percent: { value: 7 } });
  expect(warnings).toContainEqual(expect.stringMatching(/retry\.budget.* is that of acme\.Shop\/Hedged, 0\.07/));
});

test("Envoy listens on numbers alone", () => {
  const { listener } = envoyOf(`service Shop { ${rpc("Get", open)} }`, 'server: { listen: "localhost:8080" }');
  expect(listener.address.socket_address.address).toBe("127.0.0.1");
});

test("a certificate for a number is checked as one", () => {
  const { clusters } = envoyOf(
    `service Shop { ${rpc("Get", open)} }`,
    'targets: [{ name: one, address: "10.0.0.1:443", tls: {} }]',
  );
  const { sni, common_tls_context } = clusters[0].transport_socket.typed_config;
  expect(sni).toBeUndefined();
  expect(common_tls_context.validation_context.match_typed_subject_alt_names).toEqual([
    { san_type: "IP_ADDRESS", matcher: { exact: "10.0.0.1" } },
  ]);
});

test("a call that costs less than one, or parts of one, counts as much", () => {
  const limit = (cost: string) => `${open} rate_limit: { name: "a" rate: "60/m" burst: 12 cost: "${cost}" }`;
  const { filters } = envoyOf(`service Shop { ${rpc("Half", limit("0.5"))} ${rpc("More", limit("1.5"))} }`);
  const buckets = filterOf(filters, "local_ratelimit").descriptors.map(({ token_bucket }: Yaml) => token_bucket);
  expect(buckets).toEqual([
    { max_tokens: 24, tokens_per_fill: 1, fill_interval: "0.5s" },
    { max_tokens: 8, tokens_per_fill: 1, fill_interval: "1.5s" },
  ]);
});

test("names are looked up as IPv4 first, where what is called localhost listens", () => {
  const { clusters } = envoyOf(
    `service Shop { ${rpc("Get", open)} }`,
    'targets: [{ name: one, address: "localhost:1" }]',
  );
  expect(clusters[0]).toMatchObject({ type: "STRICT_DNS", dns_lookup_family: "V4_PREFERRED" });
});

test("audiences are compared as they are: jwt_authn takes https://shop/ for shop", () => {
  const config = `
auth: { providers: [{ name: users, jwt: { issuer: "https://id.example", jwks_uri: "https://id.example/keys", audiences: [shop, bank] } }] }
`;
  const { routes } = envoyOf(
    `service Shop { ${rpc("Get", "auth: { access: AUTHENTICATED audiences: 'own' }")} }`,
    config,
  );
  const [{ and_ids }] =
    routes[0].typed_per_filter_config["envoy.filters.http.rbac"].rbac.rules.policies.callers.principals;
  const audiences = and_ids.ids
    .filter(({ or_ids }: Yaml) => or_ids)
    .map(({ or_ids }: Yaml) =>
      or_ids.ids.flatMap(
        ({ sourced_metadata: { metadata_matcher } }: Yaml) => metadata_matcher.value.string_match?.exact ?? [],
      ),
    );
  expect(audiences).toEqual([["shop", "bank"], ["own"]]);
});

test("a service that no target of the configuration has is a warning, for its place is a guess", () => {
  const services = `service Shop { ${rpc("Get", open)} } service Stock { ${rpc("Get", open)} }`;
  const guesses = (config: string) => envoyOf(services, config).warnings.filter((line) => line.includes("no target"));
  expect(
    guesses(`targets: [{ name: a, address: "a:1" }]
gateway: { services: [{ service: acme.Shop, target: a }] }`),
  ).toEqual([expect.stringMatching(/acme\.Stock: is behind no target .* taken to be at stock:50051/)]);
  expect(guesses('targets: [{ name: a, address: "a:1" }, { name: b, address: "b:1" }]')).toHaveLength(2);
  expect(guesses('targets: [{ name: a, address: "a:1" }]')).toEqual([]);
  expect(guesses('server: { listen: ":8080" }')).toEqual([]);
});
