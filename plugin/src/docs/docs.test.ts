import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Code, codes, RpcError } from "../../../runtime/src/core/error.ts";
import { statusOf } from "../../../runtime/src/gateway/errors.ts";
import { generate, root } from "../../test/compile.ts";
import { httpStatus } from "./statuses.ts";

const head = 'syntax = "proto3"; package t; import "mesh/v1/options.proto"; message M { string id = 1; }';
const pagesOf = (protos: { readonly [path: string]: string }) => {
  const { files, errors } = generate(protos, "target=docs");
  expect(errors).toEqual([]);
  return files;
};

test("the HTTP status of each code is the gateway's", () => {
  const failures = codes.filter((code) => code !== "OK") as Exclude<Code, "OK">[];
  expect(httpStatus).toEqual(Object.fromEntries(failures.map((code) => [code, statusOf(new RpcError(code, ""))])));
});

test("one service has no index, and no link to one; no service has no page", () => {
  const files = pagesOf({ "a.proto": `${head} service S { rpc A(M) returns (M); }` });
  expect(Object.keys(files).sort()).toEqual(["t.S.A.layers.svg", "t.S.html", "t.S.md"]);
  expect(files["t.S.html"]).not.toContain("index");
  expect(Object.keys(pagesOf({ "a.proto": head }))).toEqual([]);
});

test("methods with equal policies share drawings, which each of them shows", () => {
  const method = (name: string, more: string) =>
    `rpc ${name}(M) returns (M) { option idempotency_level = IDEMPOTENT; option (mesh.v1.method) = { ${more} }; }`;
  const retried = "retry: { attempts: 2 }";
  const files = pagesOf({
    "a.proto": `${head} service S { option (mesh.v1.service) = { auth: { access: PUBLIC } };
      ${method("A", retried)} ${method("B", retried)} ${method("C", `${retried} timeout: { total: "2s" }`)} }`,
  });
  const drawings = Object.keys(files).filter((name) => name.endsWith(".svg"));
  expect(drawings).toEqual(["t.S.A.timeline.svg", "t.S.A.layers.svg", "t.S.C.timeline.svg", "t.S.C.layers.svg"]);
  const shown = [...(files["t.S.md"] ?? "").matchAll(/\]\(([^)]*\.svg)\)/g)].map(([, name]) => name);
  expect(shown).toEqual([...drawings.slice(0, 2), ...drawings]);
  expect(files["t.S.html"]?.match(/<svg/g)).toHaveLength(6);
});

test("a service without methods and a method without a policy have pages that say so", () => {
  const files = pagesOf({ "a.proto": `${head} service Empty {} service S { rpc A(M) returns (M); }` });
  expect(files["t.Empty.md"]).toContain("It has no methods.");
  const page = files["t.S.md"] ?? "";
  expect(page).toContain("**nobody** (DENY)");
  expect(page).toContain("| `auth.access` | `DENY` | default |");
  expect(page).toMatch(/\| `PERMISSION_DENIED` \|.*\| `auth` \|/);
  expect(page).not.toContain("`UNAUTHENTICATED` |");
  expect(page).toContain("Sent once, without a deadline.");
});

test("a policy that cannot refuse a method's calls is not among its errors", () => {
  const files = pagesOf({
    "a.proto": `${head} import "google/api/annotations.proto"; service S {
      option (mesh.v1.service) = { auth: { access: PUBLIC } };
      rpc A(M) returns (M) { option (mesh.v1.method) = {
        rate_limit: { name: "x" rate: "1/s" shadow: true } compression: { request: IDENTITY } concurrency: { max: 3 }
        limits: { request_bytes: 9 response_bytes: 9 } http: { unknown_query: REJECT } }; 
        option (google.api.http) = { get: "/v1/a" }; }
    }`,
  });
  const errors =
    /### Errors\n\n(.*?)\n\n/s
      .exec(files["t.S.md"] ?? "")?.[1]
      ?.split("\n")
      .slice(2) ?? [];
  expect(errors.map((line) => line.split(" | ").slice(0, 2).join(" ") + line.split(" | ").at(-1))).toEqual([
    "| `INVALID_ARGUMENT` 400`http` |",
    "| `RESOURCE_EXHAUSTED` 413 or 500`limits` |",
    "| `UNAVAILABLE` 503`concurrency` |",
  ]);
});

test("the same contract gives the same bytes, in whatever order services are declared", () => {
  const one = "service A { rpc X(M) returns (M); }";
  const other = "service B { rpc X(M) returns (M); }";
  const names = (text: string) => pagesOf({ "a.proto": `${head} ${text}` })["index.md"];
  expect(names(`${one} ${other}`)).toBe(names(`${other} ${one}`));
});

const want = join(root, "testdata/docs/want");
const wanted = (ending: string) =>
  readdirSync(want)
    .filter((name) => name.endsWith(ending))
    .map((name) => [name, readFileSync(join(want, name), "utf8")] as const);

test.each(wanted(".html"))("%s: ids are there once, and links lead somewhere", (name, text) => {
  const ids = [...text.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
  expect(ids).toEqual([...new Set(ids)]);
  const links = [...text.matchAll(/ href="([^"]*)"/g)].map(([, to = ""]) => to).filter((to) => to !== "data:,");
  expect(links.length).toBeGreaterThan(1);
  for (const link of links) {
    const [file = "", id] = link.split("#");
    expect(readdirSync(want), `${name}: ${link}`).toContain(file === "" ? name : file);
    if (id !== undefined) expect(ids, `${name}: ${link}`).toContain(id);
  }
});

test.each(wanted(".md"))("%s: links lead somewhere, and rows have as many cells as their head", (name, text) => {
  const ids = [...text.matchAll(/<a id="([^"]*)">/g)].map(([, id]) => id);
  expect(ids).toEqual([...new Set(ids)]);
  for (const [, to = ""] of text.matchAll(/(?<!\\)\]\(([^)]*)\)/g)) {
    const [file = "", id] = to.split("#");
    expect(readdirSync(want), `${name}: ${to}`).toContain(file === "" ? name : file);
    if (id !== undefined) expect(ids, `${name}: ${to}`).toContain(id);
  }
  let cells = 0;
  for (const line of text.split("\n")) {
    if (!line.startsWith("|")) cells = 0;
    else {
      const count = line.match(/(?<!\\)\|/g)?.length ?? 0;
      if (cells > 0) expect(count, line).toBe(cells);
      cells = count;
    }
  }
});

test.each([...wanted(".html"), ...wanted(".svg")])("%s asks for nothing from elsewhere and runs nothing", (_, text) => {
  expect(text).not.toMatch(/<(?:script|img|link rel="style|iframe|object|foreignObject|use|image)\b/i);
  expect(text).not.toMatch(/<[^>]* (?:on\w+|src)=/i);
  expect(text.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(
    /(?:href|url)[("= ]+(?:https?:|\/\/|javascript:)/i,
  );
});
