import type { Route } from "@protomesh/runtime";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Trie } from "../../../../runtime/src/gateway/routing/trie.ts";
import { isOwn, type Operation, operationOf } from "./rest-paths.ts";

function routeOf(text: string): Route {
  const [, method = "", path = "", verb] = /^(\S+) \/(.*?)(?::(\w+))?$/.exec(text) ?? [];
  const segments = path === "" ? [] : path.split("/");
  return { method, template: text, segments, variables: [], ...(verb === undefined ? {} : { verb }) };
}

test.each([
  ["GET /v1/items", { methods: ["GET", "HEAD"], paths: ["/v1/items"] }],
  ["POST /v1/items:search", { methods: ["POST"], paths: ["/v1/items:search"] }],
  ["* /v1/*/parts/*", { paths: ["/v1/{*}/parts/{*}"] }],
  ["PUT /v1/**", { methods: ["PUT"], paths: ["/v1", "/v1/{**}"] }],
  ["PUT /v1/**/end", { methods: ["PUT"], paths: ["/v1/{**}/end"] }],
  ["PUT /**", { methods: ["PUT"], paths: ["/{**}"] }],
])("%s has a form in Istio", (text, operation) => {
  expect(operationOf(routeOf(text))).toEqual(operation);
});

test.each(["POST /v1/*:sell", "POST /v1/**:sell", "GET /v1/**/a/*", "GET /v1/a*", "GET /v1/{a}"])(
  "%s has none",
  (text) => {
    expect(operationOf(routeOf(text))).toBeUndefined();
  },
);

test.each([
  ["GET /v1/items/*", ["GET /v1/items/search"], false],
  ["GET /v1/items/search", ["GET /v1/items/*"], true],
  ["GET /v1/items/*", ["POST /v1/items/search"], true],
  ["GET /v1/items/*", ["HEAD /v1/items/search"], false],
  ["GET /v1/items/*", ["* /v1/items/search"], false],
  ["POST /v1/items/*", ["POST /v1/items/*:sell"], false],
  ["POST /v1/items/all:sell", ["POST /v1/items/*"], true],
  ["GET /v1/*/b", ["GET /v1/a/*"], false],
  ["GET /v1/**", ["GET /v2/**"], true],
  ["GET /v1", ["* /v1"], true],
  ["* /v1", ["GET /v1"], false],
  ["GET /v1", ["HEAD /v1"], false],
  ["HEAD /v1", ["GET /v1"], true],
])("%s beside %s lets through its own calls alone: %s", (text, others, own) => {
  expect(isOwn(routeOf(text), others.map(routeOf))).toBe(own);
});

/** What a policy with an operation lets through. Source: AuthorizationPolicy, Operation. */
function allows({ methods, paths }: Operation, method: string, path: string): boolean {
  const expressions = paths.map((template) =>
    template.replaceAll(".", "\\.").replaceAll("{**}", ".*").replaceAll("{*}", "[^/]+"),
  );
  return (!methods || methods.includes(method)) && expressions.some((one) => new RegExp(`^${one}$`).test(path));
}

const route = fc
  .tuple(
    fc.constantFrom("GET", "HEAD", "POST", "*"),
    fc.array(fc.constantFrom("a", "b", "*", "**"), { minLength: 1, maxLength: 4 }),
    fc.constantFrom("", "", ":x", ":y"),
  )
  .map(([method, segments, verb]) => {
    // As in google.api.http, one `**`.
    const rest = segments.indexOf("**");
    return `${method} /${segments.filter((one, index) => one !== "**" || index === rest).join("/")}${verb}`;
  });
const words = ["a", "b", "c", "a:x", "c:y"];
const allPaths = (length: number): string[] =>
  length === 0 ? [""] : allPaths(length - 1).flatMap((path) => words.map((word) => `${path}/${word}`));
const paths = [1, 2, 3, 4].flatMap(allPaths);

test("what is allowed for a route goes to that route", () => {
  fc.assert(
    fc.property(fc.uniqueArray(route, { minLength: 2, maxLength: 4 }), (texts) => {
      const trie = new Trie<string>();
      for (const text of texts) fc.pre(trie.add(routeOf(text), text) === undefined);
      for (const text of texts) {
        const operation = operationOf(routeOf(text));
        if (!operation || !isOwn(routeOf(text), texts.filter((other) => other !== text).map(routeOf))) continue;
        for (const method of ["GET", "HEAD", "POST"])
          for (const path of paths) {
            if (!allows(operation, method, path)) continue;
            const found = trie.find(method, path.slice(1).split("/"));
            expect([method, path, found.kind === "found" ? found.value : found.kind]).toEqual([method, path, text]);
          }
      }
    }),
    { numRuns: 300 },
  );
}, 120_000);
