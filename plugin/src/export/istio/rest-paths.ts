import type { Route } from "@protomesh/runtime";
import { contains, isWildcard, meet, segmentsOf } from "../shared/routes.ts";

/** Paths of REST as an AuthorizationPolicy allows them. */
export interface Operation {
  /** Absent: every HTTP method. */
  readonly methods?: readonly string[];
  readonly paths: readonly string[];
}

/**
 * A route as Istio's templates have it; undefined where they cannot: something beside a wildcard in its segment, or a wildcard after
 * `**`. Source: AuthorizationPolicy, Operation.paths.
 */
export function operationOf(route: Route): Operation | undefined {
  const { method } = route;
  const segments = segmentsOf(route);
  const last = segments.indexOf("**");
  const known = segments.every(
    (segment, index) =>
      isWildcard(segment) === /[*{}]/.test(segment) && !(isWildcard(segment) && last >= 0 && index > last),
  );
  if (!known || (route.verb !== undefined && isWildcard(route.segments.at(-1) ?? "*"))) return undefined;
  const path = `/${segments.map((segment) => (isWildcard(segment) ? `{${segment}}` : segment)).join("/")}`;
  return {
    ...(method !== "*" && { methods: method === "GET" ? ["GET", "HEAD"] : [method] }),
    // Istio's `{**}` needs the slash before it.
    paths: segments.at(-1) === "**" && segments.length > 1 ? [path.slice(0, -"/{**}".length), path] : [path],
  };
}

/**
 * Whether all that a route's template lets through is for the route, or for one of those that it overlaps with and is a part of. The
 * router gives a path to the more specific route, Istio allows what any template allows.
 */
export const isOwn = (route: Route, others: readonly Route[]): boolean =>
  others.every((other) => !meet(route, other) || contains(other, route));
