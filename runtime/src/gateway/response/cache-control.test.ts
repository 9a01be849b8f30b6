import { expect, test } from "vitest";
import { type Any, overNews } from "../../../test/news.ts";
import type { MethodPolicy } from "../../policies/index.ts";
import { FakeClock } from "../../testing.ts";
import { cacheControlOf } from "./cache-control.ts";

const cache = { ttlMs: 90_500, vary: ["all"], coalesce: true, side: "SERVER", maxBytes: 1 << 20 } as const;
const open = { access: "PUBLIC", providers: [], scopes: [], audiences: [] } as const;
const http = { unknownJson: "REJECT", unknownQuery: "IGNORE" } as Any;

const headersOf = async (policy: MethodPolicy, path = "/v1/articles/a", method = "GET", answers: Any = {}) => {
  const { get } = await overNews(answers, { policy: { read: policy } });
  return (await get(path, {}, method)).headers;
};
const control = async (...args: Parameters<typeof headersOf>) => (await headersOf(...args)).get("cache-control");

test("what is the same for all may be kept on the way as long as here", async () => {
  expect(await control({ cache })).toBe("public, max-age=90");
  expect(await control({ cache: { ...cache, vary: ["all", "field:name"] } })).toBe("public, max-age=90");
  expect(await control({ cache }, "/v1/articles/a", "HEAD")).toBe("public, max-age=90");
});

test.each<[string, MethodPolicy]>([
  ["there is no cache", {}],
  ["who calls counts", { cache: { ...cache, vary: [] } }],
  ["who calls counts, by name", { cache: { ...cache, vary: ["principal"] } }],
  ["a header counts", { cache: { ...cache, vary: ["all", "metadata:accept-language"] } }],
  ["a header fills a field", { cache, http: { ...http, headers: [{ header: "x-text", field: "text" }] } }],
  ["callers may be known", { cache, auth: { ...open, providers: ["login"] } }],
  ["a rule decides who may call", { cache, auth: { ...open, rule: "true" } }],
  ["it is fresh for less than a second", { cache: { ...cache, ttlMs: 900 } }],
])("nothing is said where %s", (_, policy) => {
  expect(cacheControlOf({ auth: open, ...policy })).toBeUndefined();
});

test("neither to POST, nor of a failure, nor over what the implementation says", async () => {
  expect(await control({ cache }, "/v1/articles/a", "POST")).toBeNull();
  const fails = { read: () => Promise.reject(new Error("bug")) };
  expect(await control({ cache }, "/v1/articles/a", "GET", fails)).toBeNull();
  const own = {
    async read(_: Any, { responseHeaders }: Any) {
      responseHeaders.set("cache-control", "no-store");
      return {};
    },
  };
  expect(await control({ cache }, "/v1/articles/a", "GET", own)).toBe("no-store");
});

test("a 304 says it too, and the call has run", async () => {
  let calls = 0;
  const read = async ({ name }: Any) => ({ text: `${name} ${++calls > 0}` });
  const policy = { read: { cache: { ...cache, ttlMs: 1000 }, http: { ...http, etag: true } } };
  const { get } = await overNews({ read }, { policy });
  const etag = (await get("/v1/articles/a")).headers.get("etag") as string;
  const again = await get("/v1/articles/a", { "if-none-match": etag });
  expect([again.status, again.headers.get("cache-control")]).toEqual([304, "public, max-age=1"]);
  const uncached = await overNews({ read }, { policy: { read: { http: policy.read.http } } });
  calls = 0;
  await uncached.get("/v1/articles/a", { "if-none-match": etag });
  const known = await uncached.get("/v1/articles/a", { "if-none-match": etag });
  expect([known.status, calls]).toEqual([304, 2]);
});

test("a reply that was kept elsewhere comes with its age", async () => {
  const clock = new FakeClock();
  const { get } = await overNews(
    {},
    { through: "grpc", policy: { read: { cache: { ...cache, side: "CLIENT" } } }, client: { clock } },
  );
  const age = async () => (await get("/v1/articles/a")).headers.get("age");
  expect(await age()).toBeNull();
  await clock.advance(7_900);
  expect(await age()).toBe("7");
  const elsewhere = await overNews({}, { through: "grpc", policy: { read: { cache } } });
  await elsewhere.get("/v1/articles/a");
  const kept = await elsewhere.get("/v1/articles/a");
  expect([kept.headers.get("x-mesh-cache"), kept.headers.get("age")]).toEqual(["hit", "0"]);
});
