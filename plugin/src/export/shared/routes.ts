import type { Route } from "@protomesh/runtime";

/** Whether a route's template fits a path without wildcards, such as that of a gRPC method. */
export const fits = (route: Route, path: string): boolean => overlap(segmentsOf(route), path.slice(1).split("/"));

/** Whether a segment stands for others. */
export const isWildcard = (segment: string) => segment === "*" || segment === "**";

/** With the verb in the last segment; a wildcard there takes the verb too. */
export function segmentsOf({ segments, verb }: Route): readonly string[] {
  const last = segments.at(-1);
  return verb === undefined || last === undefined || isWildcard(last) ? segments : segments.with(-1, `${last}:${verb}`);
}

/** A GET route answers HEAD. */
const methodsOf = ({ method }: Route) => (method === "GET" ? ["GET", "HEAD"] : [method]);

/** Whether some request has paths and methods of both. */
export const meet = (a: Route, b: Route): boolean =>
  sameMethods(a, b) &&
  (a.verb === b.verb || endsIn(a, b.verb) || endsIn(b, a.verb)) &&
  overlap(segmentsOf(a), segmentsOf(b));

/** Whether a route without a verb takes paths with one: a wildcard at its end does. */
const endsIn = ({ segments, verb }: Route, other: string | undefined) =>
  verb === undefined && other !== undefined && isWildcard(segments.at(-1) ?? "");

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
export function contains(outer: Route, inner: Route): boolean {
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
