import { once } from "node:events";
import { connect, constants, type OutgoingHttpHeaders } from "node:http2";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { Dish } from "../../../test/kitchen/kitchen.ts";
import { kitchenWith, start } from "../../../test/serving.ts";
import { RpcError } from "../../core/error.ts";

const kitchen = kitchenWith({
  getDish: async () => Dish.create({ note: "x".repeat(5000) }),
  async *watchDishes(_request, { responseTrailers }) {
    responseTrailers.set("cost", "3");
    yield Dish.create({ id: 1n });
    throw new RpcError("ABORTED", "burnt");
  },
});

/** A GET by HTTP/2, to its end. */
async function get(headers: OutgoingHttpHeaders, service = kitchen) {
  const server = await start({ services: [service], listen: 0 });
  const client = connect(server.http?.url as string);
  client.on("error", () => {});
  onTestFinished(() => client.destroy());
  const stream = client.request(headers).on("error", () => {});
  const chunks: Buffer[] = [];
  let trailers = {};
  stream.on("data", (chunk) => chunks.push(chunk)).on("trailers", (got) => (trailers = got));
  const [got] = await once(stream, "response");
  await new Promise((resolve) => stream.once("close", resolve));
  return { headers: got, body: Buffer.concat(chunks), trailers, code: stream.rstCode };
}

const watch = { ":path": "/v1/dishes:watch" };

test("by HTTP/2, a stream is server-sent events, or lines in gzip with trailers", async () => {
  const events = await get({ ...watch, accept: "text/event-stream", "accept-encoding": "gzip" });
  expect(events.headers).toMatchObject({ "content-type": "text/event-stream", "cache-control": "no-store" });
  expect(String(events.body)).toMatch(/^data: \{.*\}\n\nevent: error\ndata: /);
  const lines = await get({ ...watch, "accept-encoding": "gzip", te: "trailers" });
  expect(gunzipSync(lines.body).toString()).toMatch(/^\{"result":.*\}\n\{"error":\{"code":10,.*\}\}\n$/);
  expect(lines.trailers).toMatchObject({ "grpc-trailer-cost": "3" });
});

test("by HTTP/2, a stream that must be cut is reset behind what was written", async () => {
  const array = await get({ ...watch, accept: "application/json" });
  expect(array.code).toBe(constants.NGHTTP2_INTERNAL_ERROR);
  expect(String(array.body)).toMatch(/^\[\{.*\}$/);
});

test("by HTTP/2, a reply is compressed", async () => {
  const { headers, body } = await get({ ":path": "/v1/dishes/1", "accept-encoding": "br" });
  expect(headers).toMatchObject({ "content-encoding": "br", vary: "Accept-Encoding" });
  expect(JSON.parse(String(brotliDecompressSync(body))).note).toHaveLength(5000);
});

const emptied = kitchenWith({
  async *watchDishes({ count }, { responseHeaders }) {
    responseHeaders.set("x-http-code", "204");
    for (let n = 0; n < count; n++) yield Dish.create();
  },
});

test.each(["application/json", "application/x-ndjson", "text/event-stream"])(
  "a stream of %s under a status without a body ends as it is when it has no message, and fails when it has one",
  async (accept) => {
    const server = await start({ services: [emptied], listen: 0 });
    const byHttp1 = async (path: string) => {
      const response = await fetch(`${server.http?.url}${path}`, { headers: { accept } });
      return [response.status, await response.text()];
    };
    const byHttp2 = async (path: string) => {
      const { headers, body } = await get({ ":path": path, accept }, emptied);
      return [headers[":status"], String(body)];
    };
    for (const ask of [byHttp1, byHttp2]) {
      expect(await ask("/v1/dishes:watch")).toEqual([204, ""]);
      expect(await ask("/v1/dishes:watch?count=1")).toEqual([500, expect.stringContaining('"code":13')]);
    }
  },
);
