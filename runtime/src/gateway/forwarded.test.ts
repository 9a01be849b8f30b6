import { request as httpRequest } from "node:http";
import { expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { type OverHttp, overHttp } from "../../test/over-http.ts";
import type { CallContext } from "../core/context.ts";
import { originReader } from "./forwarded.ts";
import type { GatewayOptions } from "./gateway.ts";

/** What the implementation and, with `grpc`, the wire see of a request with these headers. */
async function seen(
  gateway: GatewayOptions,
  headers: Record<string, string>,
  through: OverHttp["through"] = "in-process",
) {
  let context: CallContext | undefined;
  const peers: string[] = [];
  const { get } = await overHttp(
    {
      getDish(_request, given) {
        context = given;
        return Dish.create();
      },
    },
    { gateway: { ...gateway, onRequest: ({ peer }) => void peers.push(peer) }, through },
  );
  expect((await get("/v1/dishes/1", headers)).status).toBe(200);
  await expect.poll(() => peers.length).toBe(1);
  const { requestMetadata, peer } = context as CallContext;
  const sent = Object.fromEntries([...requestMetadata].filter(([key]) => /forwarded|real-ip/.test(key)));
  return { peer: peer.address, sent, logged: peers };
}

const trusting = { trustedProxies: ["loopback", "10.0.0.0/8"] };

test.each([
  ["203.0.113.7", "203.0.113.7"],
  ["203.0.113.7, 10.1.2.3", "203.0.113.7"],
  // The first entry is what the client made up.
  ["1.1.1.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"],
  ["127.0.0.1, 203.0.113.7", "203.0.113.7"],
  ["10.9.9.9", "10.9.9.9"],
  ["203.0.113.7:4711", "203.0.113.7"],
  ["[2001:db8::1]:80", "2001:db8::1"],
  ["::ffff:203.0.113.7", "203.0.113.7"],
  // Nothing that is no address gets anywhere.
  ["203.0.113.7, garbage", "127.0.0.1"],
  ["unknown", "127.0.0.1"],
  ["", "127.0.0.1"],
  ["fe80::1%eth0", "127.0.0.1"],
  ["203.0.113.7, , 10.1.2.3", "10.1.2.3"],
  [`${"9.9.9.9, ".repeat(900)}203.0.113.7`, "203.0.113.7"],
])("behind a trusted proxy, X-Forwarded-For %j means %s", async (header, client) => {
  const { peer, logged } = await seen(trusting, { "x-forwarded-for": header });
  expect([peer, logged[0]]).toEqual([client, client]);
});

test("without trusted proxies the connection alone counts, and nothing is passed on", async () => {
  const spoofed = {
    "x-forwarded-for": "1.1.1.1",
    forwarded: "for=1.1.1.1",
    "x-real-ip": "1.1.1.1",
    "grpc-metadata-x-forwarded-for": "1.1.1.1",
    "grpc-metadata-x-forwarded-host": "evil",
    "grpc-metadata-forwarded": "for=1.1.1.1",
    "grpc-metadata-x-real-ip": "1.1.1.1",
  };
  expect(await seen({}, spoofed)).toMatchObject({ peer: "127.0.0.1", sent: {} });
  expect((await seen({}, spoofed, "grpc")).sent).toEqual({});
  expect(await seen({ trustedProxies: ["10.0.0.0/8"] }, spoofed)).toMatchObject({ peer: "127.0.0.1" });
});

test("a remote target is told the way from the client on, without what the client wrote", async () => {
  const headers = {
    "x-forwarded-for": "6.6.6.6, 203.0.113.7, 10.1.2.3",
    "x-forwarded-host": "shop.example.com",
    "x-forwarded-proto": "https",
    "grpc-metadata-x-forwarded-for": "6.6.6.6",
  };
  expect((await seen(trusting, headers, "grpc")).sent).toEqual({
    "x-forwarded-for": "203.0.113.7, 10.1.2.3, 127.0.0.1",
    "x-forwarded-host": "shop.example.com",
    "x-forwarded-proto": "https",
  });
  const { sent } = await seen({ trustedProxies: ["10.0.0.0/8"] }, headers, "grpc");
  expect(sent).toMatchObject({ "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http" });
  expect(sent["x-forwarded-host"]).toMatch(/^127\.0\.0\.1:\d+$/);
});

test("what a trusted proxy says of host and scheme must be a host and a scheme", async () => {
  const headers = { "x-forwarded-for": "203.0.113.7", "x-forwarded-host": "a b/c", "x-forwarded-proto": "gopher" };
  const { sent } = await seen(trusting, headers, "grpc");
  expect(sent["x-forwarded-host"]).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(sent["x-forwarded-proto"]).toBe("http");
});

test.each([
  ["for=203.0.113.7", "203.0.113.7"],
  ['for=1.1.1.1, for="[2001:db8::1]:4711";proto=https;host=a', "2001:db8::1"],
  ['FOR="203.0.113.7:80" ; by=10.0.0.1, for=10.1.1.1', "203.0.113.7"],
  ["for=_hidden, for=10.1.1.1", "10.1.1.1"],
  ['for="evil, for=1.1.1.1", for=203.0.113.7', "203.0.113.7"],
  ['for="', "127.0.0.1"],
  [`for=${'"\\'.repeat(3000)}, for=203.0.113.7`, "127.0.0.1"],
])("with forwardedHeader, Forwarded %j means %s", async (forwarded, client) => {
  const { peer } = await seen(
    { ...trusting, forwardedHeader: "forwarded" },
    { forwarded, "x-forwarded-for": "6.6.6.6" },
  );
  expect(peer).toBe(client);
});

test("Forwarded does not count where proxies write X-Forwarded-For", async () => {
  expect((await seen(trusting, { forwarded: "for=6.6.6.6" })).peer).toBe("127.0.0.1");
});

test("several headers are one list", async () => {
  const { port, peers } = await (async () => {
    const peers: string[] = [];
    const kitchen = await overHttp({}, { gateway: { ...trusting, onRequest: ({ peer }) => void peers.push(peer) } });
    return { ...kitchen, peers };
  })();
  await new Promise<void>((resolve, reject) => {
    const request = httpRequest({
      port,
      path: "/v1/dishes/1",
      headers: { "x-forwarded-for": ["1.1.1.1", "203.0.113.7"] },
    });
    request
      .on("error", reject)
      .on("response", (response) => response.resume().on("close", resolve))
      .end();
  });
  await expect.poll(() => peers).toEqual(["203.0.113.7"]);
});

test.each([
  [["10.0.0.0/33"], /"10\.0\.0\.0\/33"/],
  [["example.com"], /use an address, a network such as/],
  [["::1/129"], /trustedProxies has/],
  [["toString"], /trustedProxies has "toString"/],
])("refuses %j", (proxies, text) => {
  expect(() => originReader(proxies)).toThrow(text);
  expect(() => originReader([], "via" as never)).toThrow(/forwardedHeader is "via"/);
});
