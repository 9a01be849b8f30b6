import type { Route } from "@protomesh/runtime";
import type { MethodContract } from "../../contract/contract.ts";
import type { Cors } from "../deployment.ts";
import { type KubernetesObject, type ObjectNames, onOneLine } from "../shared/kubernetes.ts";
import { pathMatch } from "./paths.ts";
import type { Timeouts } from "./traffic.ts";

/** Methods that are treated alike: a rule of a route. */
export interface Group {
  /** Unlike those of the workload's other groups. */
  readonly name: string;
  readonly methods: readonly MethodContract[];
  readonly timeouts: Timeouts;
}

/** A route, and the groups that are its rules. */
export interface RouteOfGroups {
  readonly object: KubernetesObject;
  readonly rules: readonly { readonly name: string; readonly group: string }[];
}

/** What all routes of a workload have. */
export interface RouteContext {
  readonly names: ObjectNames;
  readonly metadata: KubernetesObject["metadata"];
  readonly parentRefs: readonly object[];
  readonly backendRefs: readonly object[];
}

/** The Gateway API takes so many rules of a route, matches of a rule, and matches of a route. */
const most = { rules: 16, matches: 64, all: 128 };

/** Routes for gRPC. */
export const grpcRoutes = (groups: readonly Group[], context: RouteContext): RouteOfGroups[] =>
  routes("GRPCRoute", groups, context, ({ methods }) =>
    methods.map(({ name, desc }) => onOneLine({ method: { service: desc.parent.typeName, method: name } })),
  );

/** Routes for REST, of the groups that have any. */
export const httpRoutes = (groups: readonly Group[], context: RouteContext, cors: Cors | undefined): RouteOfGroups[] =>
  routes(
    "HTTPRoute",
    groups,
    context,
    ({ methods }) =>
      methods.flatMap((method) => method.routes.filter(isStandard).map((route) => onOneLine(matchOf(route)))),
    ({ timeouts, methods }) => ({
      timeouts,
      ...(cors && { filters: [{ type: "CORS", cors: corsOf(cors, methods) }] }),
    }),
  );

/** The methods of HTTP that the Gateway API can match. */
const standard = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/** Whether an HTTPRoute can match a route. */
export const isStandard = ({ method }: Route): boolean => method === "*" || standard.includes(method);

const matchOf = (route: Route) => ({ ...(route.method !== "*" && { method: route.method }), path: pathMatch(route) });

function corsOf(
  { origins, headers, exposeHeaders, credentials, maxAgeSeconds }: Cors,
  methods: readonly MethodContract[],
) {
  const used = new Set(methods.flatMap(({ routes }) => routes.filter(isStandard).map(({ method }) => method)));
  return {
    allowOrigins: origins,
    allowMethods: used.has("*") ? standard.filter((one) => one !== "CONNECT" && one !== "TRACE") : [...used].sort(),
    allowHeaders: [...new Set(["Authorization", "Content-Type", ...headers])],
    ...(exposeHeaders.length > 0 && { exposeHeaders }),
    ...(credentials && { allowCredentials: true }),
    maxAge: Math.max(1, maxAgeSeconds),
  };
}

function routes(
  kind: string,
  groups: readonly Group[],
  { names: objectNames, metadata, parentRefs, backendRefs }: RouteContext,
  matchesOf: (group: Group) => readonly unknown[],
  more: (group: Group) => object = () => ({}),
): RouteOfGroups[] {
  const parts: { rules: object[]; names: RouteOfGroups["rules"][number][]; matches: number }[] = [];
  for (const group of groups) {
    const matches = matchesOf(group);
    for (let from = 0; from < matches.length; from += most.matches) {
      const some = matches.slice(from, from + most.matches);
      let part = parts.at(-1);
      if (!part || part.rules.length === most.rules || part.matches + some.length > most.all) {
        part = { rules: [], names: [], matches: 0 };
        parts.push(part);
      }
      const name = from === 0 ? group.name : `${group.name}-part-${from / most.matches + 1}`;
      part.rules.push({ name, matches: some, ...more(group), backendRefs });
      part.names.push({ name, group: group.name });
      part.matches += some.length;
    }
  }
  return parts.map(({ rules, names }) => ({
    object: {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind,
      metadata: { ...metadata, name: objectNames.next(kind, metadata.name) },
      spec: { parentRefs, rules },
    },
    rules: names,
  }));
}
