import type { Route } from "@protomesh/runtime";

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
  others.every(
    (other) => !sameMethods(route, other) || !overlap(segmentsOf(route), segmentsOf(other)) || contains(other, route),
  );

/** Whether a route's template fits a path without wildcards, such as that of a gRPC method. */
export const fits = (route: Route, path: string): boolean => overlap(segmentsOf(route), path.slice(1).split("/"));

const isWildcard = (segment: string) => segment === "*" || segment === "**";

/** With the verb in the last segment; a wildcard there takes the verb too. */
function segmentsOf({ segments, verb }: Route): readonly string[] {
  const last = segments.at(-1);
  return verb === undefined || last === undefined || isWildcard(last) ? segments : segments.with(-1, `${last}:${verb}`);
}

/** A GET route answers HEAD. */
const methodsOf = ({ method }: Route) => (method === "GET" ? ["GET", "HEAD"] : [method]);

const sameMethods = (a: Route, b: Route) =>
  a.method === "*" || b.method === "*" || methodsOf(a).some((method) => methodsOf(b).includes(method));

/** Whether some path fits both. */
function overlap(a: readonly string[], b: readonly string[]): boolean {
  const [first, ...restOfA] = a;
  const [second, ...restOfB] = b;
  if (first === "**") return overlap(restOfA, b) || (second !== undefined && overlap(a, restOfB));
  if (second === "**") return overlap(a, restOfB) || (first !== undefined && overlap(restOfA, b));
  if (first === undefined || second === undefined) return first === second;
  return (first === "*" || second === "*" || first === second) && overlap(restOfA, restOfB);
}

/** Whether every path of `inner` fits `outer` as well, and `inner` is the more specific one: by its path, else by its method. */
function contains(outer: Route, inner: Route): boolean {
  const [out, own] = [segmentsOf(outer), segmentsOf(inner)];
  if ((outer.verb !== undefined && outer.verb !== inner.verb) || !covers(out, own)) return false;
  const same = outer.verb === inner.verb && covers(own, out);
  return !same || (outer.method === "*" && inner.method !== "*") || (outer.method === "GET" && inner.method === "HEAD");
}

function covers(outer: readonly string[], inner: readonly string[]): boolean {
  const [first, ...rest] = outer;
  const [second, ...others] = inner;
  if (first === "**") return covers(rest, inner) || (second !== undefined && covers(outer, others));
  if (first === undefined || second === undefined) return first === second;
  return (first === "*" ? second !== "**" : first === second) && covers(rest, others);
}
