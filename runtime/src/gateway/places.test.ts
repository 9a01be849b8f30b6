import { expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { cook } from "../../test/over-grpc.ts";
import { listen, raw, rawGet } from "../../test/over-http.ts";
import { inProcess } from "../in-process.ts";
import { implement } from "../server.ts";
import type { GatewayService } from "./endpoint.ts";
import { createGateway, type GatewayOptions } from "./gateway.ts";

/** A kitchen that answers with its own name, and with what it was asked for. */
const kitchen = (name: string, place: Pick<GatewayService, "host" | "prefix">): GatewayService => ({
  spec: Kitchen,
  target: inProcess(
    implement(Kitchen, {
      ...cook,
      getDish: async ({ id, name: asked }: { id: bigint; name: string }) =>
        Dish.create({ id, name: `${name}/${asked}` }),
    } as unknown as Kitchen),
  ),
  ...place,
});

const open = (services: readonly GatewayService[], options: GatewayOptions = {}) =>
  listen(createGateway(services, options));

/** The name of the kitchen that answers, or the status. */
async function ask(port: number, host: string, path: string): Promise<string | number> {
  const response = await raw(port, `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  const status = Number(response.split(" ", 2)[1]);
  return status === 200 ? (/"name":"([^"]*)"/.exec(response)?.[1]?.split("/")[0] ?? "") : status;
}

test("the most specific host answers, and what it has no route for, a wider one", async () => {
  const { port } = await open([
    kitchen("any", { prefix: "/any" }),
    kitchen("exact", { host: "Api.Example.com" }),
    kitchen("wide", { host: "*.example.com" }),
    kitchen("wider", { host: "*.com", prefix: "/wider" }),
    kitchen("inner", { host: "*.eu.example.com" }),
  ]);
  const answers: readonly (readonly [string, string, string | number])[] = [
    ["api.example.com", "/v1/dishes/1", "exact"],
    ["API.example.com:8080", "/v1/dishes/1", "exact"],
    ["api.example.com.", "/v1/dishes/1", "exact"],
    ["b.example.com", "/v1/dishes/1", "wide"],
    ["a.b.example.com", "/v1/dishes/1", "wide"],
    ["x.eu.example.com", "/v1/dishes/1", "inner"],
    ["example.com", "/v1/dishes/1", 404],
    ["evilexample.com", "/v1/dishes/1", 404],
    ["api.example.com", "/any/v1/dishes/1", "any"],
    ["api.example.com", "/wider/v1/dishes/1", "wider"],
    ["nowhere", "/any/v1/dishes/1", "any"],
    ["nowhere", "/v1/dishes/1", 404],
    ["", "/v1/dishes/1", 404],
    ["[::1]:80", "/v1/dishes/1", 404],
    ["api.example.com@evil", "/v1/dishes/1", 404],
    ["..", "/v1/dishes/1", 404],
    [`${"a.".repeat(4000)}example.com`, "/v1/dishes/1", "wide"],
    // The target's own host wins over the header. Source: RFC 9112, 3.2.2.
    ["nowhere", "http://api.example.com/v1/dishes/1", "exact"],
    ["api.example.com", "http://nowhere/v1/dishes/1", 404],
  ];
  for (const [host, path, answer] of answers)
    expect([host, path, await ask(port, host, path)]).toEqual([host, path, answer]);
});

test("a host with the path and not the method lists the methods of all that would answer", async () => {
  const { port } = await open([kitchen("a", { host: "a.example" })]);
  const response = await raw(port, "DELETE /v1/dishes HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n");
  expect(response).toMatch(/^HTTP\/1.1 405 [\s\S]*allow: OPTIONS, POST\r\n/);
});

test("a forwarded host decides behind a trusted proxy only", async () => {
  const services = [kitchen("a", { host: "a.example" }), kitchen("b", { host: "b.example" })];
  const spoof =
    "GET /v1/dishes/1 HTTP/1.1\r\nhost: a.example\r\nx-forwarded-host: b.example\r\nconnection: close\r\n\r\n";
  expect(await raw((await open(services)).port, spoof)).toContain('"name":"a/');
  expect(await raw((await open(services, { trustedProxies: ["10.0.0.1"] })).port, spoof)).toContain('"name":"a/');
  expect(await raw((await open(services, { trustedProxies: ["loopback"] })).port, spoof)).toContain('"name":"b/');
});

test("a prefix is cut, and the query stays", async () => {
  const { port, url } = await open([
    kitchen("shop", { prefix: "/shop" }),
    kitchen("deep", { prefix: "/shop/deep/" }),
    kitchen("root", {}),
  ]);
  expect(await ask(port, "x", "/shop/v1/dishes/1")).toBe("shop");
  expect(await ask(port, "x", "/sh%6Fp/v1/dishes/1")).toBe("shop");
  expect(await ask(port, "x", "/shop/deep/v1/dishes/1")).toBe("deep");
  expect(await ask(port, "x", "/v1/dishes/1")).toBe("root");
  expect(await ask(port, "x", "/shopping/v1/dishes/1")).toBe(404);
  expect(await ask(port, "x", "/SHOP/v1/dishes/1")).toBe(404);
  const reply = await (await fetch(`${url}/shop/v1/shelves/s%2F1/dishes/d?id=7`)).json();
  expect(reply).toMatchObject({ id: "7", name: "shop/shelves/s%2F1/dishes/d" });
});

test("two services with the same routes in one place are refused", () => {
  const build =
    (...places: Pick<GatewayService, "host" | "prefix">[]) =>
    () =>
      createGateway(places.map((place) => kitchen("x", place)));
  expect(build({ prefix: "/a" }, { prefix: "/a/" })).toThrow(
    /GET \/a\/v1\/\{name=shelves\/\*\/dishes\/\*\} of \/\S+ matches the same requests as GET .*give one a prefix or a host/,
  );
  expect(build({ host: "A.b" }, { host: "a.B" })).toThrow(/ on a\.b: change one of them/);
  expect(build({ host: "a.b" }, { host: "*.b" }, { host: "*.a.b" }, {})).not.toThrow();
  expect(build({ host: "a.b:80" })).toThrow(/host is "a.b:80": use a name without a port/);
  expect(build({ host: "*.*.b" })).toThrow(/host is/);
  expect(build({ prefix: "shop" })).toThrow(/prefix is "shop": it must start with a slash/);
  expect(build({ prefix: "/{shop}" })).toThrow(/prefix is/);
});

test("a slash too many is ignored, refused or redirected, as asked for", async () => {
  const at = async (trailingSlash: GatewayOptions["trailingSlash"], target: string) => {
    const { port } = await open([kitchen("x", {})], { trailingSlash });
    const response = await raw(port, `GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    return [Number(response.split(" ", 2)[1]), /location: (.*)\r/.exec(response)?.[1]];
  };
  expect(await at(undefined, "/v1/dishes/1/")).toEqual([200, undefined]);
  expect(await at("ignore", "/v1/dishes/1/")).toEqual([200, undefined]);
  expect(await at("strict", "/v1/dishes/1/")).toEqual([404, undefined]);
  expect(await at("strict", "/v1/dishes/1")).toEqual([200, undefined]);
  expect(await at("redirect", "/v1/dishes/1/?a=b&c=%2F?")).toEqual([308, "/v1/dishes/1?a=b&c=%2F?"]);
  expect(await at("redirect", "/v1/dishes/1")).toEqual([200, undefined]);
  // What has no route is redirected nowhere, least of all to another host.
  expect(await at("redirect", "//evil.example/")).toEqual([404, undefined]);
  expect(await at("redirect", "/nowhere/")).toEqual([404, undefined]);
  expect(await at("redirect", "http://evil.example/v1/dishes/1/")).toEqual([308, "/v1/dishes/1"]);
  expect(() => createGateway([], { trailingSlash: "cut" as never })).toThrow(/trailingSlash is "cut"/);
});

test("without hosts no host is too strange", async () => {
  const { port } = await open([kitchen("x", {})]);
  expect(await ask(port, "a b c/..%00", "/v1/dishes/1")).toBe("x");
  expect((await rawGet(port, "/v1/dishes/1")).status).toBe(200);
});
