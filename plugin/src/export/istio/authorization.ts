import type { Route } from "@protomesh/runtime";
import type { MethodContract } from "../../contract/contract.ts";
import type { Deployment } from "../deployment.ts";
import { type Access, accessOf, hasKeys, type Named, uncheckedText } from "../shared/access.ts";
import { callersWith } from "../shared/callers.ts";
import type { KubernetesObject } from "../shared/kubernetes.ts";
import type { Losses } from "../shared/losses.ts";
import { fits } from "../shared/routes.ts";
import { groupBy } from "../shared/workloads.ts";
import { isOwn, type Operation, operationOf } from "./rest-paths.ts";

/** One way to be let through: `from` is any of the sources, `when` all of the conditions. */
interface Rule {
  readonly from?: readonly object[];
  readonly when?: readonly { readonly key: string; readonly values: readonly string[] }[];
}

/** Who may call each method, and the ways in. */
export type Guards = ReadonlyMap<MethodContract, { readonly access: Access; readonly rules: readonly Rule[] }>;

/** The guards of methods. Reports what of them Istio cannot check. */
export const guardsOf = (methods: readonly MethodContract[], deployment: Deployment, losses: Losses): Guards =>
  new Map(
    methods.map((method) => {
      const access = accessOf(method.policy.auth, deployment);
      return [method, { access, rules: rulesOf(method, access, losses) }];
    }),
  );

/** Everybody may ask for the health of a server that `serve` starts. */
const health = "/grpc.health.v1.Health/*";

/**
 * Who may call which method. Nobody may call anything, unless a rule lets them; methods that nobody may call are refused whatever
 * others allow. `guards` are those of all methods at the same pods, whose policies count together.
 */
export function authorizationPolicies(
  metadata: KubernetesObject["metadata"],
  selector: object,
  methods: readonly MethodContract[],
  guards: Guards,
  preflight: boolean,
  losses: Losses,
): KubernetesObject[] {
  const rulesOfOne = (method: MethodContract) => guards.get(method)?.rules ?? [];
  const denied = methods.filter((method) => guards.get(method)?.access.kind === "nobody").map(({ path }) => path);
  const rest = restOf(methods, guards, losses);
  const allowed = groupBy(methods, rulesOfOne).flatMap((members) => {
    const to = [
      { paths: members.map(({ path }) => path) },
      ...merged(members.flatMap((method) => rest.get(method) ?? []).map(({ operation }) => operation)),
    ];
    return rulesOfOne(members[0] as MethodContract).map(({ from, when }) => ({
      ...(from && { from }),
      to: to.map((operation) => ({ operation })),
      ...(when && { when }),
    }));
  });
  const everybody = [{ paths: [health] }, ...(preflight ? preflights(rest, guards, losses) : [])];
  const policy = (suffix: string, spec: object): KubernetesObject => ({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { ...metadata, name: `${metadata.name}-${suffix}` },
    spec: { selector, ...spec },
  });
  return [
    policy("allow-nothing", {}),
    ...(denied.length > 0
      ? [policy("deny", { action: "DENY", rules: [{ to: [{ operation: { paths: denied } }] }] })]
      : []),
    policy("allow", { action: "ALLOW", rules: [{ to: everybody.map((operation) => ({ operation })) }, ...allowed] }),
  ];
}

/** A route that is allowed. */
interface Allowed {
  readonly route: Route;
  readonly operation: Operation;
}

/** What is allowed of the methods' REST routes. What Istio would confuse with calls of other methods stays refused. */
function restOf(
  methods: readonly MethodContract[],
  guards: Guards,
  losses: Losses,
): ReadonlyMap<MethodContract, readonly Allowed[]> {
  const ruleOf = (method: MethodContract) => JSON.stringify(guards.get(method)?.rules);
  return new Map(
    methods
      .filter((method) => (guards.get(method)?.rules.length ?? 0) > 0)
      .map((method) => {
        const foreign = [...guards.keys()].filter((other) => ruleOf(other) !== ruleOf(method));
        const routes = foreign.flatMap(asked);
        const operations = method.routes.flatMap((route) => {
          const operation = operationOf(route);
          // Servers of gRPC look at the path alone, so no template may fit one, whatever its HTTP method.
          const own = isOwn(route, routes) && !foreign.some(({ path }) => fits(route, path));
          if (operation && own) return [{ route, operation }];
          const why = own
            ? "its templates have nothing for this path"
            : "its template would let through calls of other methods";
          losses.at(method.place, `is refused by Istio at ${route.method} ${route.template}: ${why}`);
          return [];
        });
        return [method, operations];
      }),
  );
}

/** A method's routes as requests find them: streams are served by WebSocket too, which asks by GET. */
const asked = ({ kind, routes }: MethodContract) =>
  kind === "unary" ? routes : [...routes, ...routes.map((route) => ({ ...route, method: "GET" }))];

/** Operations with the same methods as one. */
const merged = (operations: readonly Operation[]): Operation[] =>
  groupBy(operations, ({ methods }) => methods ?? []).map((members) => ({
    ...members[0],
    paths: members.flatMap(({ paths }) => paths),
  }));

/**
 * Browsers ask without a token whether they may call, which a gateway answers. Not where a method answers OPTIONS itself, nor at a
 * path of gRPC that is guarded: some servers of gRPC take OPTIONS there for a call.
 */
function preflights(
  rest: ReadonlyMap<MethodContract, readonly Allowed[]>,
  guards: Guards,
  losses: Losses,
): Operation[] {
  const all = [...rest].flatMap(([method, allowed]) => allowed.map((one) => ({ method, ...one })));
  const answered = [...guards.keys()].some(({ routes }) =>
    routes.some(({ method }) => method === "*" || method === "OPTIONS"),
  );
  if (answered) return [];
  const guarded = [...guards].filter(([, { access }]) => access.kind !== "everybody").map(([{ path }]) => path);
  const asked = all.filter(({ method, route }) => {
    const safe = !guarded.some((path) => fits(route, path));
    if (!safe)
      losses.at(
        method.place,
        `refuses what browsers ask first at ${route.method} ${route.template}: its template would let calls of gRPC through`,
      );
    return safe;
  });
  if (asked.length === 0) return [];
  return [{ methods: ["OPTIONS"], paths: [...new Set(asked.flatMap(({ operation }) => operation.paths))] }];
}

/** The ways in; none: nobody. What Istio cannot check is refused, except a rule over the request. */
function rulesOf(method: MethodContract, access: Access, losses: Losses): Rule[] {
  if (method.policy.auth?.rule !== undefined)
    losses.add(
      method,
      "auth.rule",
      "is not exported: Istio cannot read requests, and lets through who passes the rest of auth; keep the server's own auth",
    );
  if (access.kind === "nobody") return [];
  if (access.kind === "everybody") {
    if (access.unchecked.length > 0) losses.add(method, "auth.providers", uncheckedText("Istio", access));
    return [{}];
  }
  const { jwt, apiKey, mtls, missing, scopes, audiences } = access;
  const lose = (option: string, text: string) => losses.add(method, option, text);
  if (missing.length > 0)
    lose(
      "auth.providers",
      `names ${missing.join(", ")}, which the configuration does not have: Istio refuses their callers`,
    );
  if (apiKey.length > 0)
    lose(
      "auth.providers",
      `has API keys (${apiKey.map((one) => one.name).join(", ")}), which Istio does not know: it refuses their callers`,
    );
  const keyless = jwt.filter((one) => !hasKeys(one));
  if (keyless.length > 0)
    lose(
      "auth.providers",
      `has tokens (${keyless.map((one) => one.name).join(", ")}) without a key set that Istio can read: it refuses their callers`,
    );
  // Istio would take them for patterns, which let more callers through.
  const patterns = [...scopes, ...audiences, ...jwt.flatMap((one) => one.audiences)].filter((text) =>
    /^\*|\*$/.test(text),
  );
  if (patterns.length > 0) {
    lose("auth.scopes", `has ${patterns.join(", ")}, which is a pattern to Istio: it refuses all callers`);
    return [];
  }
  const rules = [...tokens(jwt.filter(hasKeys), scopes, audiences), ...certificates(mtls, scopes, audiences)];
  if (rules.length === 0 && missing.length + apiKey.length + keyless.length === 0)
    lose(
      "auth",
      "lets nobody through: no provider of the configuration fits; give auth.providers by the parameter config",
    );
  return rules;
}

function tokens(issuers: readonly Named<"jwt">[], scopes: readonly string[], audiences: readonly string[]): Rule[] {
  // Which claim has the scopes matters only where scopes do.
  const alike = ({ scopesClaim, audiences }: Named<"jwt">) => [scopes.length > 0 ? scopesClaim : "", audiences];
  return groupBy(issuers, alike).map((members) => {
    // Of the issuer too: jwtRules compare without "https://" before and a slash behind.
    const meant = [members[0]?.audiences ?? [], audiences].filter(({ length }) => length > 0);
    const when = [
      ...scopes.map((scope) => ({ key: `request.auth.claims[${members[0]?.scopesClaim}]`, values: [scope] })),
      ...meant.map((values) => ({ key: "request.auth.audiences", values })),
    ];
    return {
      from: [{ source: { requestPrincipals: members.map(({ issuer }) => `${issuer}/*`) } }],
      ...(when.length > 0 && { when }),
    };
  });
}

/** A certificate is meant for nobody, so it does not count where an audience is asked for. */
function certificates(
  providers: readonly Named<"mtls">[],
  scopes: readonly string[],
  audiences: readonly string[],
): Rule[] {
  if (audiences.length > 0) return [];
  const plain = (id: string) => id.replace(/^spiffe:\/\//, "");
  const sources = groupBy(callersWith(providers, scopes), ({ except }) => except).map((members) => {
    const except = members[0]?.except ?? [];
    return {
      source: {
        principals: members.map(({ id }) => plain(id)),
        ...(except.length > 0 && { notPrincipals: except.map(plain) }),
      },
    };
  });
  return sources.length > 0 ? [{ from: sources }] : [];
}
