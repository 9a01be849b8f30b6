import type { Route } from "@protomesh/runtime";
import type { MethodContract } from "../../contract/contract.ts";
import type { Losses } from "../shared/losses.ts";
import { contains, meet } from "../shared/routes.ts";
import { pathMatch } from "./paths.ts";

/** A method, and who may call it as a gateway knows it. */
export interface Guarded {
  readonly method: MethodContract;
  /** Equal for methods that the same callers may call. */
  readonly security: unknown;
}

/**
 * Reports routes whose calls a gateway may take for those of a method with other callers: it has an order of its own among the
 * routes that fit a path, keeps a slash at the end, and does not take HEAD for GET.
 */
export function reportConfusion(methods: readonly Guarded[], losses: Losses): void {
  const all = methods
    .map(({ method, security }) => ({ method, security: JSON.stringify(security) }))
    .flatMap(({ method, security }) => method.routes.map((route) => ({ method, security, route })));
  all.forEach((one, index) => {
    for (const other of all.slice(index + 1))
      if (one.security !== other.security && confused(one.route, other.route))
        losses.at(
          one.method.place,
          `has ${textOf(one.route)}, which fits calls of ${textOf(other.route)} of ${other.method.name} as well: Envoy Gateway does not tell them apart as the server does, so keep the server's own auth`,
        );
  });
}

const textOf = ({ method, template }: Route) => `${method} ${template}`;

/** Whether some request is the one route's to the server and the other's to the gateway. */
export function confused(a: Route, b: Route): boolean {
  if (!meet(a, b)) return false;
  const [inner, outer] = goesFirst(a, b) ? [a, b] : [b, a];
  // Which of two that cross each other gets a call differs from path to path.
  if (!goesFirst(inner, outer)) return true;
  const lost = inner.method === "GET" && (outer.method === "*" || outer.method === "HEAD");
  return lost || (endless(outer) && !endless(inner)) || compare(rankOf(inner), rankOf(outer)) <= 0;
}

/** Whether the server gives a route all calls that fit another as well: a verb goes first, then the more specific path. */
const goesFirst = (route: Route, other: Route): boolean =>
  route.verb === other.verb ? contains(other, route) : other.verb === undefined;

/** Whether a slash at the end of a path is one more segment to the gateway's match. */
const endless = ({ segments, verb }: Route) => segments.at(-1) === "**" && verb === undefined;

const kinds = ["PathPrefix", "RegularExpression", "Exact"];

/** The higher goes first: by kind, by length, by whether a method is asked for. Source: HTTPRouteRule, `matches`; Envoy Gateway. */
export function rankOf(route: Route): readonly [number, number, number] {
  const { type, value } = pathMatch(route);
  return [kinds.indexOf(type), value === "/" ? 0 : value.length, route.method === "*" ? 0 : 1];
}

export const compare = (a: readonly number[], b: readonly number[]): number =>
  a.map((one, index) => one - (b[index] as number)).find((difference) => difference !== 0) ?? 0;
