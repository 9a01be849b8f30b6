import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import type { Random } from "./random.ts";

const paths = [
  "/v1/shelves/1/dishes/2",
  "/v1/dishes/7",
  "/v1/dishes",
  "/v1/dishes:watch",
  "/v1/ping",
  "/v1/mirror",
  "/v1/mirror/text/nested",
  "/v1/depots/a/parcels/b/c",
  "/v1/parcels/5",
  "/v1/parcels:find",
  "/v1/depots/a/parcels:follow",
  "/v1/depots/a/parcels:store",
  "/v1/depots/a/parcels:talk",
  "/v1/labels/1",
  "/v1/scans/x",
  "/v1/owner",
  "/v1/when",
  "/healthz",
  "/test.kitchen.v1.Kitchen/GetDish",
  "/test.kitchen.v1.Kitchen/Mirror",
  "/test.kitchen.v1.Kitchen/WatchDishes",
  "/test.kitchen.v1.Kitchen/UploadDishes",
  "/test.depot.v1.Depot/Talk",
];
const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "CONNECT", "get"];
const pieces = [
  "..",
  ".",
  "%2e%2e",
  "%2F",
  "%2f",
  "%",
  "%zz",
  "%00",
  "%ff%fe",
  "%C3%A4",
  "%25",
  "//",
  "/",
  ":",
  ":watch",
  ":nope",
  "*",
  "**",
  "{id}",
  "~",
  "+",
  ";",
  "\\",
  "?",
  "#",
  "@",
  "[",
  "ä",
  "9".repeat(40),
  "-1",
  "NaN",
  "a".repeat(3000),
  "x/".repeat(1100),
  "constructor",
  "__proto__",
];
const names = [
  "name",
  "id",
  "with_recipe",
  "withRecipe",
  "count",
  "fail_after",
  "text",
  "yes",
  "small",
  "large",
  "largeUnsigned",
  "single",
  "precise",
  "raw",
  "spice",
  "texts",
  "numbers",
  "spices",
  "counts[a]",
  "counts[",
  "counts[]",
  "counts[__proto__]",
  "nested.name",
  "nested.inner.inner.name",
  "nested.numbers",
  "nesteds",
  "nesteds[0].name",
  "maybe",
  "left",
  "right",
  "at",
  "took",
  "mask",
  "facts",
  "anything",
  "wrappedText",
  "wrappedLarge",
  "wrapped_texts",
  "nothing",
  "nothing.x",
  "dry_run",
  "connect",
  "encoding",
  "message",
  "base64",
  "method",
  "__proto__",
  "constructor.prototype",
  "",
  ".",
  "a.b.c",
  "tenant",
  `${"inner.".repeat(40)}name`,
  "parcel.name",
  "states",
  "labels[x]",
  "update_mask",
];
const values = [
  "",
  "0",
  "1",
  "-1",
  "7",
  "1e400",
  "NaN",
  "Infinity",
  "9223372036854775808",
  "18446744073709551615",
  "2147483648",
  "1.5",
  "true",
  "TRUE",
  "null",
  "HOT",
  "MILD",
  "NOPE",
  "77",
  "{}",
  "[]",
  "{",
  '{"a":1}',
  '"x"',
  "2024-02-30T00:00:00Z",
  "2024-02-29T00:00:00Z",
  "1.5s",
  "s",
  "a.b,cD",
  "AAE=",
  "%%%",
  "=",
  "a=b",
  "%26",
  "%zz",
  "%ff",
  "x".repeat(500),
  "v1",
  "json",
  "proto",
  "+",
  "%2B",
  "\u00e4",
];
const headerNames = [
  "accept",
  "accept-encoding",
  "content-encoding",
  "content-type",
  "authorization",
  "cookie",
  "grpc-timeout",
  "range",
  "connect-timeout-ms",
  "grpc-metadata-x",
  "grpc-metadata-y-bin",
  "grpc-metadata-",
  "if-none-match",
  "if-match",
  "te",
  "expect",
  "upgrade",
  "x-tenant",
  "x-forwarded-for",
  "forwarded",
  "x-http-method-override",
  "last-event-id",
  "origin",
  "access-control-request-method",
  "access-control-request-headers",
  "connect-protocol-version",
  "grpc-encoding",
  "transfer-encoding",
  "content-length",
  "host",
  "connection",
  "x-mesh-criticality",
  "traceparent",
  "idempotency-key",
];
const headerValues = [
  "",
  "*/*",
  "application/json",
  "text/event-stream",
  "application/x-ndjson",
  "text/html",
  "*/*;q=0",
  ",,,;q=",
  "gzip",
  "br",
  "identity;q=0",
  "deflate, gzip;q=0.1",
  "zstd",
  "gzip, gzip",
  "1S",
  "1n",
  "999999999H",
  "-1",
  "0",
  "x",
  "5m",
  "100-continue",
  "websocket",
  "h2c",
  "trailers",
  "chunked",
  "chunked, chunked",
  "bytes=0-1",
  '"x"',
  'W/"x"',
  "*",
  "Bearer x",
  "AAE=",
  "%%",
  "1.2.3.4, ::1",
  'for="[::1]"',
  "https://evil.example",
  "GET",
  "close",
  "keep-alive",
  "a".repeat(4000),
  "\u00e4",
  "\x01",
  "application/grpc",
  "application/grpc-web+proto",
  "application/grpc-web-text",
  "application/connect+json",
  "application/connect+proto",
  "application/proto",
  "multipart/form-data; boundary=b",
  "multipart/form-data",
  "image/png",
  "application/json; charset=utf-16",
  "application/x-www-form-urlencoded",
];
const valid: readonly unknown[] = [
  { name: "n", id: "7", spice: "HOT", ingredients: [{ name: "i", grams: 1.5 }], labels: { a: "b" }, note: "" },
  { dish: { id: "7", createdAt: "2024-01-01T00:00:00Z", photo: "AAE=" }, updateMask: "id,name" },
  {
    text: "t",
    yes: true,
    small: 1,
    large: "2",
    smallUnsigned: 3,
    largeUnsigned: "4",
    single: 1.5,
    precise: "NaN",
    raw: "AAE=",
    spice: 1,
    texts: ["a"],
    numbers: ["1", 2],
    spices: ["HOT"],
    counts: { a: 1 },
    nested: { inner: { numbers: [1] } },
    nesteds: [{}, { name: "x" }],
    maybe: "",
    left: "l",
    at: "2024-01-01T00:00:00.123456789Z",
    took: "1.5s",
    mask: "a.bC",
    facts: { a: [1, null, { b: "c" }] },
    anything: { deep: [[]] },
    wrappedText: "w",
    wrappedLarge: "5",
    wrappedYes: false,
    wrappedTexts: ["a", "b"],
    nothing: {},
  },
  {
    depot: "d",
    name: "n",
    weightGrams: "3",
    state: "LOST",
    parts: [{}],
    shelves: { "1": "STORED" },
    seals: { true: "AA==" },
  },
  { name: "", id: "0", parts: [{ name: "p" }], like: {}, states: ["STORED"], labels: { a: "b" } },
  { count: 3, failAfter: 2 },
  "2024-01-01T00:00:00Z",
  {},
];
const leaves: readonly unknown[] = [
  null,
  true,
  -0,
  1e308,
  2 ** 53,
  "",
  "x",
  "9".repeat(50),
  [],
  {},
  [[[]]],
  { "@type": "x" },
  { "@type": "type.googleapis.com/test.kitchen.v1.Dish" },
  "\ud800",
  "NaN",
  -1,
  0.1,
  { __proto: 1 },
  "1e5",
  [null],
];

/** A JSON text that is nearly a request. */
export function json(random: Random): Buffer {
  const depth = random.chance(0.02) ? 2000 : 0;
  if (depth > 0) return Buffer.from(`${'{"nested":{"inner":'.repeat(depth)}${"[".repeat(depth)}`);
  const text = Buffer.from(
    JSON.stringify(random.chance(0.5) ? change(random, random.pick(valid)) : random.pick(valid)),
  );
  if (random.chance(0.3)) return random.mutate(text);
  return random.chance(0.2) ? Buffer.concat([text, Buffer.from(random.pick(["\n", "", ",", " "])), text]) : text;
}

function change(random: Random, value: unknown): unknown {
  if (random.chance(0.15)) return random.pick(leaves);
  if (Array.isArray(value)) return value.map((one) => change(random, one));
  if (typeof value !== "object" || value === null) return random.chance(0.2) ? random.pick(leaves) : value;
  const entries = Object.entries(value).map(([key, one]) => [
    random.chance(0.05) ? random.pick(names) : key,
    change(random, one),
  ]);
  return Object.fromEntries(entries);
}

/** A path with its query. */
export function target(random: Random): string {
  let path = random.pick(paths);
  if (random.chance(0.4)) {
    const parts = path.split("/");
    const at = 1 + random.below(parts.length - 1);
    parts[at] = random.chance(0.5) ? random.pick(pieces) : parts[at] + random.pick(pieces);
    path = parts.join("/");
  }
  if (random.chance(0.02)) path = random.pick(["*", "", "http://x/v1/ping", "//", "/".repeat(5000), "?", "v1/ping"]);
  if (random.chance(0.5)) return path;
  const count = random.chance(0.01) ? 300 : random.below(5);
  const query = Array.from({ length: count }, () => `${random.pick(names)}=${random.pick(values)}`);
  return `${path}?${query.join(random.chance(0.05) ? "&&" : "&")}`;
}

/** A request as bytes. `last` asks the server to close the connection after it. */
export function request(random: Random, last: boolean): Buffer {
  const headers: (readonly [string, string])[] = [["host", "x"]];
  let method = random.pick(random.chance(0.7) ? ["GET", "POST"] : methods);
  let body: Buffer | undefined;
  if (method !== "GET" || random.chance(0.1)) {
    body = content(random, headers);
    if (method === "GET" && random.chance(0.8)) method = "POST";
  }
  for (let more = random.below(4); more > 0; more--)
    headers.push([random.pick(headerNames), random.pick(headerValues)]);
  if (last) headers.push(["connection", "close"]);
  const framed = body === undefined ? Buffer.alloc(0) : frame(random, body, headers);
  const version = random.chance(0.97) ? "HTTP/1.1" : random.pick(["HTTP/1.0", "HTTP/2.0", "HTTP/9", "", "ICY"]);
  const head = `${method} ${target(random)} ${version}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
  const bytes = Buffer.concat([Buffer.from(head, random.chance(0.9) ? "utf8" : "latin1"), framed]);
  return random.chance(0.05) ? random.mutate(bytes) : bytes;
}

const encoders = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync };

function content(random: Random, headers: (readonly [string, string])[]): Buffer {
  let body = json(random);
  switch (random.below(8)) {
    case 0:
      headers.push(["content-type", random.pick(headerValues)]);
      break;
    case 1: {
      const coding = random.pick(["gzip", "br", "deflate"] as const);
      body = encoders[coding](random.chance(0.1) ? Buffer.alloc(300_000, "[") : body);
      if (random.chance(0.3)) body = random.mutate(body);
      headers.push(["content-encoding", coding], ["content-type", "application/json"]);
      break;
    }
    case 2:
      headers.push(["content-type", "multipart/form-data; boundary=b"]);
      body = Buffer.concat([
        Buffer.from(
          '--b\r\ncontent-disposition: form-data; name="picture"; filename="a"\r\ncontent-type: image/png\r\n\r\n',
        ),
        body,
        Buffer.from("\r\n--b--\r\n"),
      ]);
      if (random.chance(0.4)) body = random.mutate(body);
      break;
    case 3: {
      const type = random.pick([
        "application/connect+json",
        "application/connect+proto",
        "application/grpc-web+proto",
        "application/grpc-web+json",
        "application/grpc-web-text",
      ]);
      headers.push(["content-type", type], ["connect-protocol-version", "1"]);
      const length = Buffer.alloc(5);
      length.writeUInt8(random.pick([0, 0, 0, 1, 2, 128, 255]), 0);
      length.writeUInt32BE(random.chance(0.8) ? body.length : random.pick([0, 1, 2 ** 31, 2 ** 32 - 1]), 1);
      body = Buffer.concat([length, body]);
      if (random.chance(0.3)) body = Buffer.from(body.toString("base64"));
      break;
    }
    case 4:
      headers.push(["content-type", random.pick(["application/proto", "application/x-protobuf", "image/png"])]);
      body = random.bytes(random.below(200));
      break;
    default:
      headers.push(["content-type", random.pick(["application/json", "application/x-ndjson"])]);
  }
  return body;
}

/** The body with what says how long it is, which is not always true. */
function frame(random: Random, body: Buffer, headers: (readonly [string, string])[]): Buffer {
  if (random.chance(0.7)) {
    const lie = random.chance(0.05) ? random.pick([-1, 1, 1000, 2 ** 40, Number.NaN]) : 0;
    headers.push(["content-length", String(body.length + lie)]);
    return body;
  }
  headers.push(["transfer-encoding", "chunked"]);
  const chunks: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const size = 1 + random.below(Math.min(body.length - at, 4096));
    const told = random.chance(0.01) ? random.pick(["-1", "zz", "ffffffffffffffff", ""]) : size.toString(16);
    chunks.push(Buffer.from(`${told}\r\n`), body.subarray(at, at + size), Buffer.from("\r\n"));
    at += size;
  }
  chunks.push(Buffer.from(random.chance(0.95) ? "0\r\n\r\n" : random.pick(["0\r\nx: y\r\n\r\n", "0\r\n", "1\r\n"])));
  return Buffer.concat(chunks);
}
