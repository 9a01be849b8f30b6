import { expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { overHttp, raw } from "../../test/over-http.ts";
import { compileCors } from "./cors.ts";

const shop = "https://shop.example.com";

const ask = (port: number, path: string, origin: string, method = "GET", headers = "") =>
  raw(
    port,
    `OPTIONS ${path} HTTP/1.1\r\nhost: x\r\norigin: ${origin}\r\naccess-control-request-method: ${method}\r\n${headers}connection: close\r\n\r\n`,
  );

const corsOf = (head: string) => head.split("\r\n").filter((line) => /^(?:access-control|vary)/i.test(line));

test("a preflight is answered from the routes, before auth, with the methods that the path has", async () => {
  const denied = {
    policy: { getDish: { auth: { access: "DENY", providers: [], scopes: [], audiences: [] } } },
  } as const;
  const { port } = await overHttp({}, { ...denied, gateway: { cors: { origins: [shop], maxAgeSeconds: 60 } } });
  const good = await ask(port, "/v1/dishes/1", shop);
  expect(good).toMatch(/^HTTP\/1.1 204 /);
  expect(good).toMatch(/access-control-allow-origin: https:\/\/shop\.example\.com\r\n/);
  expect(good).toMatch(/access-control-allow-methods: GET\r\n/);
  expect(good).toMatch(/access-control-max-age: 60\r\n/);
  expect(good).toMatch(/access-control-allow-headers: authorization, content-type, /);
  expect(good).toMatch(/vary: origin/);
  expect(good).not.toMatch(/allow-credentials/);
  // A method that the path has not: the browser is told which ones it has.
  expect(await ask(port, "/v1/dishes/1", shop, "PROPFIND")).toMatch(
    /access-control-allow-methods: (?!.*PROPFIND).*GET/,
  );
  expect(await ask(port, "/nowhere", shop)).toMatch(/^HTTP\/1.1 404 [\s\S]*access-control-allow-origin/);
});

test("what a preflight may ask for: own headers, and metadata with the prefix", async () => {
  const { port } = await overHttp(
    {},
    { gateway: { requestHeaders: ["X-Tenant"], cors: { origins: [shop], headers: ["X-More"] } } },
  );
  const asked = "access-control-request-headers: grpc-metadata-a, x-evil, grpc-metadata-b\u0001c\r\n".replace(
    "\u0001",
    "\\",
  );
  const [headers = ""] = corsOf(await ask(port, "/v1/dishes/1", shop, "GET", asked)).filter((line) =>
    line.includes("allow-headers"),
  );
  expect(headers).toMatch(/x-tenant, x-more, grpc-metadata-a$/);
  expect(headers).not.toMatch(/evil/);
});

test("OPTIONS that is no preflight gets 204 and Allow", async () => {
  const { port } = await overHttp({}, { gateway: { cors: { origins: [shop] } } });
  const plain = await raw(
    port,
    `OPTIONS /v1/dishes/1 HTTP/1.1\r\nhost: x\r\norigin: ${shop}\r\nconnection: close\r\n\r\n`,
  );
  expect(plain).toMatch(/^HTTP\/1.1 204 [\s\S]*allow: [A-Z, ]*GET/);
});

test("replies, failures and streams carry the headers", async () => {
  const options = {
    gateway: { cors: { origins: [shop], credentials: true, exposeHeaders: ["X-Own"] }, responseHeaders: ["x-took"] },
  };
  const { get } = await overHttp(
    {
      getDish({ id }) {
        if (id === 0n) throw new Error("boom");
        return Dish.create({ id });
      },
    },
    options,
  );
  for (const [path, status] of [
    ["/v1/dishes/1", 200],
    ["/v1/dishes/0", 500],
    ["/nowhere", 404],
    ["/v1/dishes/%zz", 400],
    ["/v1/dishes:watch?count=2", 200],
  ] as const) {
    const { headers, status: got } = await get(path, { origin: shop });
    expect([path, got]).toEqual([path, status]);
    expect(headers.get("access-control-allow-origin")).toBe(shop);
    expect(headers.get("access-control-allow-credentials")).toBe("true");
    expect(headers.get("access-control-expose-headers")).toMatch(/grpc-status, grpc-message,.* x-took, x-own$/);
    expect(headers.get("vary")).toContain("origin");
  }
});

test.each([
  "https://evil.com",
  "https://shop.example.com.evil.com",
  "http://shop.example.com",
  "https://shop.example.com:8443",
  "https://SHOP.example.com",
  "null",
  "https://evil.com/.example.com",
  "https://evil.com?.example.com",
  "https://.example.com",
  "https://a..example.com",
  "https://example.com",
  `https://${"a".repeat(400)}.example.com`,
  "https://user@a.example.com",
  "*",
])("the origin %s may not read", async (origin) => {
  const { port } = await overHttp({}, { gateway: { cors: { origins: [shop, "https://*.example.com"] } } });
  for (const head of [
    await ask(port, "/v1/dishes/1", origin),
    await raw(port, `GET /v1/dishes/1 HTTP/1.1\r\nhost: x\r\norigin: ${origin}\r\nconnection: close\r\n\r\n`),
  ]) {
    const lines = corsOf(head);
    expect(lines).toEqual(["vary: origin"]);
  }
});

test.each(["https://a.example.com", "https://a.b.example.com"])("a pattern admits the subdomain %s", (origin) => {
  expect(compileCors({ origins: ["https://*.example.com"] }, { request: [], response: [] }).allows(origin)).toBe(true);
});

test("everybody may read with *, and caches need not tell origins apart", async () => {
  const { get } = await overHttp({}, { gateway: { cors: { origins: ["*"] } } });
  const { headers } = await get("/v1/dishes/1", { origin: "https://any.where" });
  expect([headers.get("access-control-allow-origin"), headers.get("vary")]).toEqual(["*", null]);
});

test("without the option there are no such headers", async () => {
  const { get, port } = await overHttp();
  expect((await get("/v1/dishes/1", { origin: shop })).headers.get("access-control-allow-origin")).toBe(null);
  expect(corsOf(await ask(port, "/v1/dishes/1", shop))).toEqual([]);
});

test.each([
  [{ origins: ["*"], credentials: true }, /"\*", which browsers refuse with credentials/],
  [{ origins: [] }, /origins is missing/],
  [{ origins: ["https://shop.example.com/"] }, /without a path/],
  [{ origins: ["shop.example.com"] }, /origins has "shop.example.com"/],
  [{ origins: ["https://a.*.com"] }, /origins has/],
  [{ origins: ["null"] }, /origins has "null"/],
  [{ origins: [shop], headers: ["a b"] }, /headers has "a b"/],
  [{ origins: [shop], maxAgeSeconds: -1 }, /maxAgeSeconds is -1/],
  [{ origins: [shop], origin: shop }, /unknown key "origin", did you mean origins/],
])("refuses %j", (options, text) => {
  expect(() => compileCors(options, { request: [], response: [] })).toThrow(text);
});
