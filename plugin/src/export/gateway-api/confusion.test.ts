import type { Route } from "@protomesh/runtime";
import fc from "fast-check";
import { expect, test } from "vitest";
import { splitPath } from "../../../../runtime/src/gateway/routing/path.ts";
import { Trie } from "../../../../runtime/src/gateway/routing/trie.ts";
import { compare, confused, rankOf } from "./confusion.ts";
import { pathMatch } from "./paths.ts";

const route: fc.Arbitrary<Route> = fc
  .record({
    method: fc.constantFrom("GET", "HEAD", "POST", "*"),
    segments: fc.array(fc.constantFrom("a", "bb", "*", "**"), { minLength: 1, maxLength: 3 }),
    verb: fc.constantFrom(undefined, undefined, "x", "y"),
  })
  .map(({ method, segments: wanted, verb }) => {
    // As in google.api.http, one `**`.
    const rest = wanted.indexOf("**");
    const segments = wanted.filter((one, index) => one !== "**" || index === rest);
    return { method, segments, template: `/${segments.join("/")}`, variables: [], ...(verb !== undefined && { verb }) };
  });

const words = ["a", "bb", "c:y", "a:x"];
const allPaths = (length: number): string[] =>
  length === 0 ? [""] : allPaths(length - 1).flatMap((path) => words.map((word) => `${path}/${word}`));
const paths = [1, 2, 3].flatMap(allPaths).flatMap((path) => [path, `${path}/`]);

/** As Envoy Gateway matches a path. */
function takes(one: Route, method: string, path: string): boolean {
  const { type, value } = pathMatch(one);
  if (one.method !== "*" && one.method !== method) return false;
  if (type === "Exact") return path === value;
  if (type === "PathPrefix") return value === "/" || path === value || path.startsWith(`${value}/`);
  return new RegExp(`^(?:${value})$`).test(path);
}

test("what is not confused is the same route's at the gateway and at the server", () => {
  fc.assert(
    fc.property(route, route, (a, b) => {
      const trie = new Trie<Route>();
      fc.pre(trie.add(a, a) === undefined && trie.add(b, b) === undefined && !confused(a, b));
      const inOrder = [a, b].sort((one, other) => compare(rankOf(other), rankOf(one)));
      for (const method of ["GET", "HEAD", "POST"])
        for (const path of paths) {
          const taken = inOrder.find((one) => takes(one, method, path));
          const found = trie.find(method, splitPath(path) ?? []);
          // What neither has is refused, which confuses nobody.
          if (taken && found.kind === "found") expect([method, path, taken]).toEqual([method, path, found.value]);
        }
    }),
    { numRuns: 600 },
  );
}, 120_000);
