import fc from "fast-check";
import { expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { open, overHttp, raw } from "../../test/over-http.ts";

/** Pieces of requests that mean something to the gateway, and some that mean nothing to anybody. */
const pathPieces = [
  ..."/ // . .. * ** : ? # % %2F %2f %zz %ff %00 %25 %3A ~ ; \\ { }".split(" "),
  ..."v1 dishes shelves mirror nested ping 7 a watch :watch x:y %76%31 __proto__ constructor ü".split(" "),
];
const queryPieces = [
  ...'& = + [ ] . % %zz %5B , " { } 1 -1 1e9 x true null NaN HOT 2026-11-21T00:00:00Z 1.5s []'.split(" "),
  ..."text yes small large raw spice texts counts counts[a] nested nested.name nesteds at took mask facts".split(" "),
  ..."anything wrappedText left right nothing __proto__ count 99999999999999999999".split(" "),
];
const bodyPieces = [
  ...'{ } [ ] , : " \\ null true 1 -0 1e999 "text" "a" "__proto__" "small" "nested" "at"'.split(" "),
  ...'"anything" "facts" "counts" "\\ud800" "@type" {} {"inner": \u0000 \xff'.split(" "),
];
const headerLines = [
  "content-type: application/json",
  "content-type: text/plain",
  "content-encoding: gzip",
  "accept: text/event-stream",
  "accept: application/json",
  "te: trailers",
  "grpc-timeout: 10S",
  "grpc-timeout: x",
  "connect-timeout-ms: 99999",
  "grpc-metadata-a-bin: AA",
  "grpc-metadata-a-bin: !",
  "grpc-metadata-: x",
  "grpc-metadata-connection: x",
  "grpc-metadata-__proto__: x",
  "authorization: \xff",
  "traceparent: x",
];

const pieces = (list: readonly string[], maxLength: number) =>
  fc.array(fc.constantFrom(...list), { maxLength }).map((parts) => parts.join(""));

/** Parameters that could be right, so that the random ones among them reach the fields. */
const parameters = fc
  .array(fc.tuple(fc.constantFrom(...queryPieces.slice(-22)), fc.constantFrom(...queryPieces)), { maxLength: 4 })
  .map((list) => list.map((pair) => pair.join("=")).join("&"));

const requests = fc.record({
  method: fc.constantFrom(
    "GET",
    "GET",
    "GET",
    "POST",
    "POST",
    "POST",
    "PATCH",
    "HEAD",
    "OPTIONS",
    "DELETE",
    "PROPFIND",
  ),
  start: fc.constantFrom(
    "/v1/",
    "/v1/dishes/",
    "/v1/mirror",
    "/v1/dishes",
    "/v1/mirror/x/nested",
    "/v1/shelves/a/dishes/b",
  ),
  path: fc.oneof({ weight: 2, arbitrary: fc.constant("") }, { weight: 1, arbitrary: pieces(pathPieces, 6) }),
  query: fc.oneof(fc.constant(""), pieces(queryPieces, 12), parameters).map((text) => (text === "" ? "" : `?${text}`)),
  headers: fc.oneof(fc.constant([]), fc.uniqueArray(fc.constantFrom(...headerLines), { maxLength: 4 })),
  body: fc.option(fc.oneof(fc.constant("{}"), pieces(bodyPieces, 12), fc.json())),
});

test("whatever arrives is answered, and never by a mistake of ours", { timeout: 60_000 }, async () => {
  const { port, gateway, errors, serverErrors } = await overHttp({
    async *watchDishes() {
      yield Dish.create({ id: 1n });
    },
  });
  await fc.assert(
    fc.asyncProperty(requests, async ({ method, start, path, query, headers, body }) => {
      const target = start + path + query;
      const content = Buffer.from(body ?? "", "latin1");
      const length = body === null ? [] : [`content-length: ${content.length}`];
      const lines = [`${method} ${target} HTTP/1.1`, "host: x", "connection: close", ...headers, ...length, "", ""];
      const answer = await raw(port, Buffer.concat([Buffer.from(lines.join("\r\n"), "latin1"), content]));
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
      expect([200, 204, 400, 404, 405, 406, 415], `${method} ${target}: ${answer}`).toContain(status);
    }),
    { numRuns: 4000, seed: 20261121 },
  );
  expect([...errors, ...serverErrors]).toEqual([]);
  await gateway.idle();
});

test("what is no HTTP at all, or breaks off, leaves nothing behind", async () => {
  const { port, gateway, errors } = await overHttp();
  const starts = [
    "",
    "\0",
    "GET",
    "GET /v1/ping",
    "GET /v1/ping HTTP/1.1\r\nhost",
    "POST /v1/dishes HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n",
    "POST /v1/dishes HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n{",
    "POST /v1/dishes HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
    "POST /v1/dishes HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "GET /v1/dishes:watch?count=2000000000 HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET /v1/ping HTTP/1.1\r\nhost: x\r\n\r\n",
  ];
  for (const start of starts) {
    for (const leave of ["end", "destroy", "resetAndDestroy"] as const) {
      const socket = await open(port);
      socket.on("error", () => {}).resume();
      const closed = new Promise((resolve) => socket.once("close", resolve));
      await new Promise<unknown>((resolve) => (start === "" ? resolve(undefined) : socket.write(start, resolve)));
      socket[leave]();
      if (leave !== "end" || !start.includes("watch")) await closed;
      socket.destroy();
    }
  }
  await gateway.idle();
  expect(errors).toEqual([]);
});
