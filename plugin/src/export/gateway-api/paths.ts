import type { Route } from "@protomesh/runtime";
import { isWildcard } from "../shared/routes.ts";

/** How an HTTPRoute finds a path. */
export interface PathMatch {
  readonly type: "Exact" | "PathPrefix" | "RegularExpression";
  readonly value: string;
}

/**
 * The path of a route: exact without variables, a prefix where a `**` ends it, else a regular expression over the whole path, in
 * RE2's syntax. Regular expressions are left to implementations by the Gateway API; Envoy Gateway and Istio have them.
 */
export function pathMatch({ segments, verb }: Route): PathMatch {
  const ending = verb === undefined ? "" : `:${verb}`;
  const literal = (parts: readonly string[]) => `/${parts.join("/")}`;
  // The Gateway API refuses escaped slashes in what is not an expression.
  const plain = (text: string) => !/%2f|#/i.test(text);
  if (segments.every((segment) => !isWildcard(segment)) && plain(literal(segments)))
    return { type: "Exact", value: `${literal(segments)}${ending}` };
  const before = segments.slice(0, -1);
  if (
    segments.at(-1) === "**" &&
    verb === undefined &&
    before.every((segment) => !isWildcard(segment)) &&
    plain(literal(before))
  )
    return { type: "PathPrefix", value: literal(before) };
  const parts = segments.map((segment) => {
    if (segment === "**") return "(/.*)?";
    return segment === "*" ? "/[^/]+" : `/${escaped(segment)}`;
  });
  return { type: "RegularExpression", value: `${parts.join("")}${escaped(ending)}` };
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
