import { expect, test } from "vitest";
import { type Any, overNews } from "../../../test/news.ts";
import { FakeClock } from "../../testing.ts";

const cache = {
  ttlMs: 1000,
  staleIfErrorMs: 5000,
  vary: ["all"],
  coalesce: true,
  side: "CLIENT",
  maxBytes: 1 << 20,
} as const;
const fallback = { on: ["UNAVAILABLE"], json: '{"text":"default"}' } as const;

const answer = async (response: Response) => {
  const { headers } = response;
  const { text, code } = (await response.json()) as Any;
  const [kept, instead] = [headers.get("x-mesh-cache"), headers.get("x-mesh-fallback")];
  return {
    status: response.status,
    says: text ?? code,
    cache: kept,
    fallback: instead,
    control: headers.get("cache-control"),
    age: headers.get("age"),
  };
};

test("a backend that is gone is stood in for by a kept reply, then by a default, and the headers say so", async () => {
  const clock = new FakeClock();
  const { get, grpc } = await overNews(
    { read: async ({ name }: Any) => ({ text: `about ${name}` }) },
    { through: "grpc", policy: { read: { cache, fallback } }, client: { clock } },
  );
  const ask = async (path = "/v1/articles/a") => answer(await get(path));
  const control = "public, max-age=1";
  const fresh = { status: 200, says: "about a", cache: null, fallback: null, control, age: null };
  expect(await ask()).toEqual(fresh);
  expect(await ask()).toEqual({ ...fresh, cache: "hit", age: "0" });
  grpc?.destroy();
  await clock.advance(2000);
  expect(await ask()).toEqual({ ...fresh, cache: "stale", age: "2" });
  await clock.advance(10_000);
  // Whoever keeps this one would go on with it when the backend is back.
  expect(await ask()).toEqual({ ...fresh, says: "default", fallback: "static", control: "no-store" });
});

test("a backend that is gone is a 503 where nothing stands in for it", async () => {
  const { get, grpc } = await overNews({}, { through: "grpc" });
  expect((await get("/v1/articles/a")).status).toBe(200);
  grpc?.destroy();
  const nothing = { status: 503, says: 14, cache: null, fallback: null, control: null, age: null };
  expect(await answer(await get("/v1/articles/a"))).toEqual(nothing);
});

test("an implementation in this process can mark its reply as well, and say how long a default is good", async () => {
  const { get } = await overNews({
    async read(_: Any, { responseHeaders, responseTrailers }: Any) {
      responseHeaders.set("cache-control", "max-age=5");
      responseTrailers.append("x-mesh-fallback", "static").append("x-mesh-fallback", "method");
      return {};
    },
  });
  const { headers } = await get("/v1/articles/a");
  expect([headers.get("x-mesh-fallback"), headers.get("cache-control")]).toEqual(["static, method", "max-age=5"]);
});
