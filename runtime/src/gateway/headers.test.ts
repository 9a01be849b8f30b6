import { request } from "node:http";
import { describe, expect, test } from "vitest";
import { Timestamp } from "../../test/google/protobuf/timestamp.ts";
import { Dish } from "../../test/kitchen/kitchen.ts";
import type { KitchenMethods } from "../../test/over-grpc.ts";
import { overHttp, raw, text } from "../../test/over-http.ts";
import { RpcError } from "../core/error.ts";
import type { Metadata } from "../core/metadata.ts";
import { ErrorInfo, QuotaFailure, RetryInfo } from "../messages/details.ts";
import { detail } from "../messages/status.ts";
import type { GatewayOptions } from "./gateway.ts";

/** What the implementation receives as metadata when a client sends these header lines. */
async function received(lines: string[], gateway: GatewayOptions = {}): Promise<Metadata> {
  let metadata: Metadata | undefined;
  const { port } = await overHttp(
    {
      async ping(_request, context) {
        metadata = context.requestMetadata;
        return Timestamp.create();
      },
    },
    { gateway },
  );
  const head = `GET /v1/ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
  expect(await raw(port, Buffer.from(head, "latin1"))).toMatch(/^HTTP\/1.1 200 /);
  return metadata as Metadata;
}

describe("a request header", () => {
  test("of the usual ones, or prefixed, becomes metadata; nothing else does", async () => {
    const metadata = await received([
      "Authorization: Bearer a",
      "TraceParent: 00-a-b-01",
      "X-Request-Id: r",
      "If-Match: e",
      "Idempotency-Key: k",
      "Grpc-Metadata-Tenant: t",
      "Cookie: c",
      "X-Forwarded-For: 1.2.3.4",
      "Tenant: other",
      "Accept: a/b",
    ]);
    expect([...metadata]).toEqual([
      ["authorization", "Bearer a"],
      ["traceparent", "00-a-b-01"],
      ["x-request-id", "r"],
      ["if-match", "e"],
      ["idempotency-key", "k"],
      ["tenant", "t"],
    ]);
  });

  test("that the gateway is told about becomes metadata", async () => {
    const metadata = await received(["X-Tenant: t"], { requestHeaders: ["X-Tenant"] });
    expect([...metadata]).toEqual([["x-tenant", "t"]]);
  });

  test("given several times has several values", async () => {
    const metadata = await received(["Grpc-Metadata-A: 1, 2", "grpc-metadata-a: 3"]);
    expect(metadata.all("a")).toEqual(["1, 2", "3"]);
  });

  test("in plain form wins over the prefixed one", async () => {
    const metadata = await received(["Grpc-Metadata-Authorization: Bearer evil", "Authorization: Bearer good"]);
    expect(metadata.all("authorization")).toEqual(["Bearer good"]);
    expect((await received(["Grpc-Metadata-Authorization: Bearer a"])).get("authorization")).toBe("Bearer a");
  });

  test("with -bin is decoded, padded or not", async () => {
    const metadata = await received(["Grpc-Metadata-A-Bin: AAE=", "Grpc-Metadata-B-Bin: AAE, _-8"]);
    expect(metadata.all("a-bin")).toEqual([Uint8Array.of(0, 1)]);
    expect(metadata.all("b-bin")).toEqual([Uint8Array.of(0, 1), Uint8Array.of(255, 239)]);
  });

  test("that gRPC reserves, that belongs to the connection or that it cannot carry is left out", async () => {
    const metadata = await received([
      "Grpc-Metadata-Grpc-Timeout: 1S",
      "Grpc-Metadata-Grpc-Previous-Rpc-Attempts: 1",
      "Grpc-Metadata-Connection: x",
      "Grpc-Metadata-Te: x",
      "Grpc-Metadata-Content-Type: x",
      "Grpc-Metadata-Proxy-Authorization: x",
      "Grpc-Metadata-: x",
      "Grpc-Metadata-a!b: x",
      "Grpc-Metadata-Umlaut: \xfc",
      "Grpc-Metadata-Ok: x",
    ]);
    expect([...metadata]).toEqual([["ok", "x"]]);
  });

  test.each(["a", "AA!A", "A===", "AAAAA"])("with -bin and %j is 400", async (value) => {
    const { get } = await overHttp();
    const response = await get("/v1/ping", { "grpc-metadata-a-bin": value });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ details: [{ fieldViolations: [{ field: "grpc-metadata-a-bin" }] }] });
  });
});

describe("the time that a caller gives", () => {
  const left: Partial<KitchenMethods> = {
    getDish: async (_request, { deadline }) =>
      Dish.create({ name: String(Math.round((deadline - performance.now()) / 1000)) }),
  };

  test.each([
    [{ "grpc-timeout": "2H" }, "7200"],
    [{ "grpc-timeout": "3M" }, "180"],
    [{ "grpc-timeout": "50S" }, "50"],
    [{ "grpc-timeout": "50000m" }, "50"],
    [{ "grpc-timeout": "50000000u" }, "50"],
    [{ "connect-timeout-ms": "50000" }, "50"],
    [{ "connect-timeout-ms": "50000", "grpc-timeout": "20S" }, "20"],
    [{}, "Infinity"],
  ])("%j leaves %s seconds", async (headers, seconds) => {
    const { get } = await overHttp(left);
    expect(await (await get("/v1/dishes/1", headers as Record<string, string>)).json()).toMatchObject({
      name: seconds,
    });
  });

  test.each([
    { "grpc-timeout": "123456789S" },
    { "grpc-timeout": "S" },
    { "grpc-timeout": "1" },
    { "grpc-timeout": "-1S" },
    { "grpc-timeout": "1s" },
    { "grpc-timeout": "" },
    { "connect-timeout-ms": "1.5" },
    { "connect-timeout-ms": "12345678901" },
  ])("%j is 400", async (headers) => {
    const { get } = await overHttp(left);
    expect((await get("/v1/dishes/1", headers as unknown as Record<string, string>)).status).toBe(400);
  });

  test.each(["in-process", "grpc"] as const)("that passes is 504 %s", async (through) => {
    const { get } = await overHttp({ ping: () => new Promise(() => {}) }, { through });
    for (const timeout of ["30m", "0S"]) {
      const response = await get("/v1/ping", { "grpc-timeout": timeout });
      expect(response.status).toBe(504);
      expect(await response.json()).toMatchObject({ code: 4 });
    }
  });
});

describe.each(["in-process", "grpc"] as const)("response metadata %s", (through) => {
  test("becomes prefixed headers, a few under their own name", async () => {
    const { get } = await overHttp(
      {
        async ping(_request, { responseHeaders }) {
          responseHeaders.set("tenant", "t").set("etag", '"e"').set("location", "/x").set("content-length-x", "1");
          responseHeaders.set("a-bin", Uint8Array.of(0, 1));
          return Timestamp.create();
        },
      },
      { through, gateway: { responseHeaders: ["X-Plain"] } },
    );
    const { headers } = await get("/v1/ping");
    expect(headers.get("grpc-metadata-tenant")).toBe("t");
    expect(headers.get("tenant")).toBeNull();
    expect(headers.get("etag")).toBe('"e"');
    expect(headers.get("location")).toBe("/x");
    expect(headers.get("grpc-metadata-a-bin")).toBe("AAE=");
  });

  test("chooses the status and is used up", async () => {
    const { get } = await overHttp(
      {
        async getDish({ id }, { responseHeaders }) {
          responseHeaders.set("x-http-code", id === 1n ? "303" : "nonsense");
          return Dish.create();
        },
      },
      { through },
    );
    const chosen = await fetch((await get("/v1/dishes/1", {})).url, { redirect: "manual" });
    expect(chosen.status).toBe(303);
    expect(chosen.headers.get("grpc-metadata-x-http-code")).toBeNull();
    expect((await get("/v1/dishes/2")).status).toBe(200);
  });

  test("in trailers reaches those who ask for trailers", async () => {
    const { url, get } = await overHttp(
      {
        async ping(_request, { responseTrailers }) {
          responseTrailers.set("cost", "5");
          return Timestamp.create();
        },
      },
      { through },
    );
    const answer = await new Promise<[body: string, trailers: NodeJS.Dict<string>]>((resolve, reject) => {
      request(`${url}/v1/ping`, { headers: { te: "trailers" } }, async (response) => {
        resolve([await text(response), response.trailers]);
      })
        .on("error", reject)
        .end();
    });
    expect(answer).toEqual([expect.stringContaining("1970"), { "grpc-trailer-cost": "5" }]);
    const plain = await get("/v1/ping");
    expect([...plain.headers.keys()].filter((name) => name.includes("cost"))).toEqual([]);
    expect(plain.headers.get("content-length")).not.toBeNull();
  });
});

test("response metadata with several values is as many headers", async () => {
  const { get } = await overHttp({
    async ping(_request, { responseHeaders }) {
      for (const value of ["a=1", "b=2", "c=3"]) responseHeaders.append("set-cookie", value).append("tenant", value);
      return Timestamp.create();
    },
  });
  const { headers } = await get("/v1/ping");
  expect(headers.getSetCookie()).toEqual(["a=1", "b=2", "c=3"]);
  expect(headers.get("grpc-metadata-tenant")).toBe("a=1, b=2, c=3");
});

test.each(["in-process", "grpc"] as const)(
  "metadata that was set before a failure is sent with it %s",
  async (through) => {
    const { get } = await overHttp(
      {
        async ping(_request, { responseHeaders }) {
          responseHeaders.set("tenant", "t");
          throw new RpcError("ABORTED", "no");
        },
      },
      { through },
    );
    const response = await get("/v1/ping");
    expect(response.status).toBe(409);
    expect(response.headers.get("grpc-metadata-tenant")).toBe("t");
  },
);

describe("a failure", () => {
  const failing = (error: RpcError) =>
    overHttp({
      ping: async () => {
        throw error;
      },
    });

  test.each([
    ["CANCELLED", 499],
    ["UNKNOWN", 500],
    ["INVALID_ARGUMENT", 400],
    ["DEADLINE_EXCEEDED", 504],
    ["NOT_FOUND", 404],
    ["ALREADY_EXISTS", 409],
    ["PERMISSION_DENIED", 403],
    ["RESOURCE_EXHAUSTED", 429],
    ["FAILED_PRECONDITION", 400],
    ["ABORTED", 409],
    ["OUT_OF_RANGE", 400],
    ["UNIMPLEMENTED", 501],
    ["INTERNAL", 500],
    ["UNAVAILABLE", 503],
    ["DATA_LOSS", 500],
    ["UNAUTHENTICATED", 401],
  ] as const)("%s is %i", async (code, status) => {
    const { get } = await failing(new RpcError(code, "text"));
    const response = await get("/v1/ping");
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("www-authenticate")).toBe(status === 401 ? "Bearer" : null);
    expect(Object.keys((await response.json()) as object)).toEqual(["code", "message", "details"]);
  });

  test("UNKNOWN keeps its text inside", async () => {
    const { get, errors } = await failing(new RpcError("UNKNOWN", "secret"));
    expect(await (await get("/v1/ping")).json()).toMatchObject({
      code: 2,
      message: expect.stringMatching(/^unknown error /),
    });
    expect(String(errors[0])).toContain("secret");
  });

  test.each([
    ["RESOURCE_EXHAUSTED", { seconds: 1n, nanos: 1 }, "2"],
    ["RESOURCE_EXHAUSTED", { seconds: 0n, nanos: 0 }, "0"],
    ["UNAVAILABLE", { seconds: 30n, nanos: 0 }, "30"],
    ["ABORTED", { seconds: 30n, nanos: 0 }, null],
  ] as const)("%s with a RetryInfo says when to come back", async (code, retryDelay, expected) => {
    const { get } = await failing(new RpcError(code, "", { details: [detail(RetryInfo, { retryDelay })] }));
    expect((await get("/v1/ping")).headers.get("retry-after")).toBe(expected);
  });

  test("rate limits are headers; names that no header can hold are left out", async () => {
    const violations = ['a "b" \\', "ü", "c\r\nx: y", "d"].map((name, n) => ({
      quotaMetric: "mesh.v1.rate_limit",
      quotaId: name,
      quotaDimensions: { window: "60s" },
      quotaValue: BigInt(n + 1),
    }));
    const quota = detail(QuotaFailure, { violations });
    const wait = detail(RetryInfo, { retryDelay: { seconds: 1n, nanos: 1 } });
    const { get } = await failing(new RpcError("RESOURCE_EXHAUSTED", "", { details: [quota, wait] }));
    const { headers } = await get("/v1/ping");
    expect(headers.get("ratelimit-policy")).toBe('"a \\"b\\" \\\\";q=1;w=60, "d";q=4;w=60');
    expect(headers.get("ratelimit")).toBe('"a \\"b\\" \\\\";r=0;t=2');
    const never = await failing(new RpcError("RESOURCE_EXHAUSTED", "", { details: [quota] }));
    expect((await never.get("/v1/ping")).headers.get("ratelimit")).toBe('"a \\"b\\" \\\\";r=0');
  });

  test.each([
    ["RESOURCE_EXHAUSTED", [detail(QuotaFailure, { violations: [{ subject: "disk" }] })]],
    ["RESOURCE_EXHAUSTED", []],
  ] as const)("%s for another reason has no rate limit headers", async (code, details) => {
    const { get } = await failing(new RpcError(code, "", { details }));
    const { headers } = await get("/v1/ping");
    expect([headers.get("ratelimit-policy"), headers.get("ratelimit")]).toEqual([null, null]);
  });

  test("prints details by their type, and those that are damaged by their bytes", async () => {
    const details = [
      detail(ErrorInfo, { reason: "R", metadata: { a: "b" } }),
      { type: "test.kitchen.v1.Note", value: Uint8Array.of(10, 1, 97) },
      { type: "google.protobuf.Duration", value: Uint8Array.of(8, 3) },
      { type: "google.rpc.ErrorInfo", value: Uint8Array.of(255) },
      { type: "acme.Unknown", value: Uint8Array.of(1, 2) },
    ];
    const { get } = await failing(new RpcError("ABORTED", "", { details }));
    expect(((await (await get("/v1/ping")).json()) as { details: unknown }).details).toEqual([
      { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "R", metadata: { a: "b" } },
      { "@type": "type.googleapis.com/test.kitchen.v1.Note", text: "a" },
      { "@type": "type.googleapis.com/google.protobuf.Duration", value: "3s" },
      { "@type": "type.googleapis.com/google.rpc.ErrorInfo", value: "/w==" },
      { "@type": "type.googleapis.com/acme.Unknown", value: "AQI=" },
    ]);
  });
});

test("the implementation sees the client's address", async () => {
  const { get } = await overHttp({ getDish: async (_request, { peer }) => Dish.create({ name: peer.address }) });
  expect(await (await get("/v1/dishes/1")).json()).toMatchObject({ name: "127.0.0.1" });
});
