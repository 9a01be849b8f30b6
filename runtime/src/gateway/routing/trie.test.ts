import { expect, test } from "vitest";
import type { Route } from "../../core/spec.ts";
import { Trie } from "./trie.ts";

/** A route from text such as `GET /v1/*:run`; the text is its value too. */
function trie(...routes: string[]): Trie<string> {
  const built = new Trie<string>();
  for (const text of routes) expect(built.add(routeOf(text), text)).toBeUndefined();
  return built;
}

function routeOf(text: string): Route {
  const [, method = "", path = "", verb] = /^(\S+) \/(.*?)(?::(\w+))?$/.exec(text) ?? [];
  const segments = path === "" ? [] : path.split("/");
  return { method, template: text, segments, variables: [], ...(verb === undefined ? {} : { verb }) };
}

function find(built: Trie<string>, request: string): string {
  const [method = "", path = ""] = request.split(" /");
  const found = built.find(method, path === "" ? [] : path.split("/"));
  switch (found.kind) {
    case "found":
      return `${found.value} <- ${found.segments.join("/")}`;
    case "method":
      return `use ${[...found.allowed].sort().join()}`;
    default:
      return found.kind;
  }
}

test.each([
  // The most specific route wins, leftmost first, whatever the order of registration.
  [["GET /v1/**", "GET /v1/*", "GET /v1/a"], "GET /v1/a", "GET /v1/a <- v1/a"],
  [["GET /v1/**", "GET /v1/*", "GET /v1/a"], "GET /v1/b", "GET /v1/* <- v1/b"],
  [["GET /v1/**", "GET /v1/*", "GET /v1/a"], "GET /v1/b/c", "GET /v1/** <- v1/b/c"],
  [["GET /*/b", "GET /a/*"], "GET /a/b", "GET /a/* <- a/b"],
  // It goes back where the more specific branch ends.
  [["GET /a/b/c", "GET /a/*/d"], "GET /a/b/d", "GET /a/*/d <- a/b/d"],
  [["GET /a/b/c", "GET /**"], "GET /a/b/x", "GET /** <- a/b/x"],
  [["GET /a/*/c/x", "GET /a/**/c/y"], "GET /a/b/c/y", "GET /a/**/c/y <- a/b/c/y"],
  // Also across HTTP methods.
  [["POST /v1/a", "GET /v1/*"], "GET /v1/a", "GET /v1/* <- v1/a"],
  [["POST /v1/a", "GET /v1/*"], "POST /v1/b", "use GET"],
  [["POST /v1/a", "GET /v1/*"], "PUT /v1/a", "use GET,POST"],
  [["GET /v1/a", "* /v1/*"], "PUT /v1/a", "* /v1/* <- v1/a"],
  [["GET /v1/a", "* /v1/a"], "GET /v1/a", "GET /v1/a <- v1/a"],
  [["GET /v1/a", "* /v1/a"], "PUT /v1/a", "* /v1/a <- v1/a"],
  // HEAD is answered by GET, but rather by its own route.
  [["GET /v1/a"], "HEAD /v1/a", "GET /v1/a <- v1/a"],
  [["GET /v1/a", "HEAD /v1/a"], "HEAD /v1/a", "HEAD /v1/a <- v1/a"],
  [["GET /v1/a", "* /v1/a"], "HEAD /v1/a", "GET /v1/a <- v1/a"],
  // `**` takes zero segments or many, and leaves those after it over.
  [["GET /o/**"], "GET /o", "GET /o/** <- o"],
  [["GET /o/**", "GET /o"], "GET /o", "GET /o <- o"],
  [["GET /**"], "GET /", "GET /** <- "],
  [["GET /o/**"], "GET /p", "none"],
  [["GET /o/**/t"], "GET /o/t", "GET /o/**/t <- o/t"],
  [["GET /o/**/t"], "GET /o/a/t/b/t", "GET /o/**/t <- o/a/t/b/t"],
  [["GET /o/**/t"], "GET /o/a/b", "none"],
  [["GET /o/**/*"], "GET /o/a/b", "GET /o/**/* <- o/a/b"],
  [["GET /o/**/*"], "GET /o", "none"],
  [["GET /o/**/t", "GET /o/**/s/t"], "GET /o/a/s/t", "GET /o/**/s/t <- o/a/s/t"],
  [["GET /"], "GET /", "GET / <- "],
  // Verbs: the last colon, if a route has that verb here; otherwise the colon belongs to the value.
  [["GET /v1/*:run"], "GET /v1/a:run", "GET /v1/*:run <- v1/a"],
  [["GET /v1/*:run", "GET /v1/*"], "GET /v1/a:run", "GET /v1/*:run <- v1/a"],
  [["GET /v1/*:run", "GET /v1/*"], "GET /v1/a:b:run", "GET /v1/*:run <- v1/a:b"],
  [["GET /v1/*:run", "GET /v1/*"], "GET /v1/a:123", "GET /v1/* <- v1/a:123"],
  [["GET /v1/*:run"], "GET /v1/a:123", "none"],
  [["GET /v1/*:run"], "GET /v1/a", "none"],
  [["GET /v1/*:run", "GET /w/*"], "GET /w/a:run", "GET /w/* <- w/a:run"],
  [["GET /v1/*:run", "POST /v1/*"], "POST /v1/a:run", "POST /v1/* <- v1/a:run"],
  [["GET /v1/*:run", "GET /v1/*"], "GET /v1/a%3Arun", "GET /v1/* <- v1/a%3Arun"],
  [["GET /v1/*:run", "GET /v1/*"], "GET /v1/:run", "GET /v1/* <- v1/:run"],
  [["GET /v1/*:run", "GET /v1/*"], "GET /v1/a:", "GET /v1/* <- v1/a:"],
  [["GET /v1/*:run"], "GET /v1/a:r%75n", "GET /v1/*:run <- v1/a"],
  [["GET /v1/**:run"], "GET /v1/a:x/b:run", "GET /v1/**:run <- v1/a:x/b"],
  [["GET /v1/*/x:run"], "GET /v1/a:b/x:run", "GET /v1/*/x:run <- v1/a:b/x"],
  [["GET /v1/a%3Ab"], "GET /v1/a:b", "GET /v1/a%3Ab <- v1/a:b"],
  // Literals are compared decoded, case counts.
  [["GET /v1/Abc"], "GET /v1/%41bc", "GET /v1/Abc <- v1/%41bc"],
  [["GET /v1/a%2Fb"], "GET /v1/a%2fb", "GET /v1/a%2Fb <- v1/a%2fb"],
  [["GET /v1/a/b"], "GET /v1/a%2Fb", "none"],
  [["GET /v1/Abc"], "GET /v1/abc", "none"],
  [["GET /v1/%2A", "GET /v1/*"], "GET /v1/*", "GET /v1/%2A <- v1/*"],
  // A malformed escape is no literal; where a wildcard takes it, the caller is told.
  [["GET /v1/*"], "GET /v1/%zz", "malformed"],
  [["GET /v1/**"], "GET /v1/a/%ff/b", "malformed"],
  [["GET /v1/a"], "GET /v1/%zz", "none"],
  [["GET /v1/*"], "GET /v1/%zz:run", "malformed"],
  // Names that objects inherit are ordinary.
  [["GET /v1/constructor"], "GET /v1/constructor", "GET /v1/constructor <- v1/constructor"],
  [["GET /v1/a"], "GET /v1/__proto__", "none"],
])("%j: %s gives %s", (routes, request, expected) => {
  expect(find(trie(...routes), request)).toBe(expected);
  expect(find(trie(...[...routes].reverse()), request)).toBe(expected);
});

test.each([
  ["GET /v1/*:run", "GET /v1/*:run"],
  ["GET /v1/Abc", "GET /v1/%41bc"],
  ["* /a/**", "* /a/**"],
])("says what a second route of the shape %s conflicts with", (first, second) => {
  expect(trie(first).add(routeOf(second), second)).toBe(first);
});

test("the work of a lookup does not grow with what wildcards could stand for", () => {
  // Each level doubles the branches of a search that does not stop at dead ends.
  const levels = Array.from({ length: 12 }, (_, level) => [`${"a/".repeat(level)}*`, `${"*/".repeat(level)}a`]).flat();
  const built = trie(...new Set(levels.map((path) => `GET /${path}/end`)), "GET /x/**/y", "GET /x/**/*/z");
  expect(find(built, `GET /${"a/".repeat(64_000)}x`)).toBe("none");
  expect(find(built, `GET /x/${"a/".repeat(64_000)}y`)).toMatch(/^GET \/x\/\*\*\/y/);
});
