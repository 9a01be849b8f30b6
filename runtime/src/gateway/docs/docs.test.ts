import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { overHttp } from "../../../test/over-http.ts";
import { apiKeys } from "../../policies/auth.ts";
import { createGateway } from "../gateway.ts";
import type { DocsOptions } from "./docs.ts";

const document = { openapi: "3.1.0", info: { title: "Dishes", version: "1" }, paths: {} };

test("the page, what it loads and the document are served, from nowhere else", async () => {
  const { get, url } = await overHttp({}, { gateway: { docs: { document } } });
  const page = await get("/docs");
  expect(page.status).toBe(200);
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  const html = await page.text();
  const loaded = [...html.matchAll(/(?:src|href|data-document)="(\.[^"]+)"/g)].map(([, path]) => path as string);
  expect(loaded).toContain("./openapi.json");
  for (const path of loaded) {
    const response = await fetch(new URL(path, `${url}/docs`));
    expect(response.status, path).toBe(200);
    expect(await response.text(), path).not.toMatch(/https?:\/\/(?!example\.com)[\w.]+\//);
  }
  expect(await (await get("/openapi.json")).json()).toEqual(document);
});

test("a browser may run and load what is served here, and call the servers of the document", async () => {
  const servers = [{ url: "/" }, { url: "https://api.example.com/v1" }, { url: "http://[::1]:8080" }];
  const { get } = await overHttp({}, { gateway: { docs: { document: { ...document, servers } } } });
  const { headers } = await get("/docs");
  expect(headers.get("content-security-policy")?.split("; ")).toEqual([
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src data:",
    "connect-src 'self' https://api.example.com http://[::1]:8080",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]);
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("referrer-policy")).toBe("no-referrer");
});

test("what has not changed is not sent again", async () => {
  const { get } = await overHttp({}, { gateway: { docs: { document } } });
  const etag = (await get("/openapi.json")).headers.get("etag") as string;
  const again = await get("/openapi.json", { "if-none-match": `"other", ${etag}` });
  expect([again.status, await again.text()]).toEqual([304, ""]);
  // A proxy that compresses makes tags weak. Source: RFC 9110, 13.1.2.
  for (const known of [`W/${etag}`, "*"])
    expect((await get("/openapi.json", { "if-none-match": known })).status, known).toBe(304);
  expect((await get("/openapi.json", { "if-none-match": '"other"' })).status).toBe(200);
});

test("only GET and HEAD are answered, and only what is there", async () => {
  const { get, post, url } = await overHttp({}, { gateway: { docs: { document } } });
  const refused = await post("/docs", {});
  expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  const head = await fetch(`${url}/docs`, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
  for (const path of ["/docs/nothing.js", "/docs/index.html", "/docs/../gateway.ts", "/openapi.json/x"])
    expect((await get(path)).status, path).toBe(404);
});

test("a slash at the end leads to the page", async () => {
  const { url } = await overHttp({}, { gateway: { docs: { document, path: "/internal/api" } } });
  const response = await fetch(`${url}/internal/api/`);
  expect(response.url).toBe(`${url}/internal/api`);
  expect(await response.text()).toContain('src="./api/page.js"');
  expect((await fetch(`${url}/internal/openapi.json`)).status).toBe(200);
});

test("a path may be called anything", async () => {
  const { get } = await overHttp({}, { gateway: { docs: { document, path: "/...DOCUMENT" } } });
  expect(await (await get("/...DOCUMENT")).text()).toContain('src="./...DOCUMENT/page.js"');
});

test("page and document can be for callers that are known", async () => {
  const sha256 = createHash("sha256").update("a key").digest("hex");
  const auth = { providers: { own: apiKeys({ keys: [{ sha256, subject: "reader" }] }) } };
  const { get } = await overHttp(
    {},
    { gateway: { auth, requestHeaders: ["x-api-key"], docs: { document, auth: { providers: ["own"] } } } },
  );
  for (const path of ["/docs", "/docs/page.js", "/openapi.json"]) {
    expect((await get(path)).status, path).toBe(401);
    expect((await get(path, { "x-api-key": "a key" })).status, path).toBe(200);
  }
});

test("the document may be a file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mesh-docs-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "openapi.json");
  writeFileSync(file, JSON.stringify(document));
  for (const given of [file, pathToFileURL(file)]) {
    const { get } = await overHttp({}, { gateway: { docs: { document: given } } });
    expect(await (await get("/openapi.json")).json()).toEqual(document);
  }
  writeFileSync(file, "openapi: 3.1.0");
  expect(() => createGateway([], { docs: { document: file } })).toThrow("is no JSON");
});

test.each<[string, DocsOptions, string]>([
  ["a file that is not there", { document: "nowhere.json" }, "docs.document nowhere.json cannot be read (ENOENT)"],
  ["something else", { document: { swagger: "2.0" } }, "is no OpenAPI 3 document: give what protoc-gen-mesh writes"],
  ["null", { document: null as never }, "is no OpenAPI 3 document"],
  ["a path without a slash", { document, path: "docs" }, 'docs.path is "docs": write a path such as "/docs"'],
  ["a path with dot segments", { document, path: "/docs/.." }, 'docs.path is "/docs/.."'],
  ["the path of the document", { document, path: "/api/openapi.json" }, 'docs.path is "/api/openapi.json"'],
  ["the path of everything", { document, path: "/" }, 'docs.path is "/"'],
  ["an unknown key", { document, url: "/" } as never, 'docs: unknown key "url"'],
])("%s is refused", (_, docs, message) => {
  expect(() => createGateway([], { docs })).toThrow(message);
});

test("a gateway without docs serves none", async () => {
  const { get } = await overHttp();
  expect((await get("/docs")).status).toBe(404);
  expect((await get("/openapi.json")).status).toBe(404);
});
