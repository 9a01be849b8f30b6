import { once } from "node:events";
import { connect as connectHttp2, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { expect, onTestFinished, test } from "vitest";
import { start } from "../../test/serving.ts";
import type { RequestRecord } from "../gateway/access.ts";
import { principalOf } from "../gateway/mount.ts";

test("handlers beside the routes share auth, CORS and the access hook of the server", async () => {
  const records: RequestRecord[] = [];
  const providers = {
    token: {
      authenticate: ({ metadata }: { metadata: { get(key: string): string | undefined } }) =>
        metadata.get("authorization") === "Bearer good"
          ? { subject: "ada", provider: "", scopes: [], audiences: [], claims: {} }
          : undefined,
    },
  };
  const { http } = await start({
    http: 0,
    auth: { providers: providers as never },
    gateway: {
      cors: { origins: ["*"] },
      onRequest: (record) => void records.push(record),
      mounts: [{ path: "/legacy", handler: (req, res) => res.end(principalOf(req)?.subject), auth: {} }],
    },
  });
  const ask = (path: string, authorization: string) =>
    fetch(http?.url + path, { headers: { authorization, origin: "https://a.b" } });
  const good = await ask("/legacy/x", "Bearer good");
  expect([await good.text(), good.headers.get("access-control-allow-origin")]).toEqual(["ada", "*"]);
  expect((await ask("/legacy", "Bearer bad")).status).toBe(401);
  await ask("/v1/dishes/1", "");
  await expect
    .poll(() => records.map(({ template, status }) => [template, status]))
    .toEqual([
      ["/legacy", 200],
      ["/legacy", 401],
      ["/v1/dishes/{id}", 200],
    ]);
});

test("unknown and wrong options fail the start", async () => {
  await expect(start({ http: 0, gateway: { cors_: {} } as never })).rejects.toThrow(
    /serve: gateway: unknown key "cors_", did you mean cors/,
  );
  await expect(start({ http: 0, gateway: { mounts: [{ path: "x", handler: () => {} }] } })).rejects.toThrow(
    /gateway\.mount\("x"\)/,
  );
});

test("at one port, all of it holds for HTTP/2 and for Connect as well", async () => {
  const records: RequestRecord[] = [];
  const { http } = await start({
    listen: { address: 0, connect: true },
    gateway: {
      cors: { origins: ["https://shop.example.com"] },
      trustedProxies: ["loopback"],
      onRequest: (record) => void records.push(record),
      mounts: [{ path: "/legacy", handler: (req, res) => res.end(`${req.method} ${req.url}`) }],
    },
  });
  const session = connectHttp2(http?.url ?? "");
  onTestFinished(() => session.destroy());
  const ask = async (headers: OutgoingHttpHeaders, body = "") => {
    const stream = session.request({
      origin: "https://shop.example.com",
      "x-forwarded-for": "203.0.113.7",
      ...headers,
    });
    if (!stream.writableEnded) stream.end(body);
    const [head] = (await once(stream, "response")) as [IncomingHttpHeaders];
    let text = "";
    for await (const chunk of stream.setEncoding("utf8")) text += chunk;
    return { head, text };
  };
  const allowed = { "access-control-allow-origin": "https://shop.example.com" };
  const rest = await ask({ ":path": "/v1/dishes/7" });
  expect(rest.head).toMatchObject({ ":status": 200, ...allowed });
  expect(await ask({ ":path": "/legacy/x?y" })).toMatchObject({ head: allowed, text: "GET /x?y" });
  const path = "/test.kitchen.v1.Kitchen/GetDish";
  const json = {
    ":path": path,
    ":method": "POST",
    "content-type": "application/json",
    "connect-protocol-version": "1",
  };
  const connected = await ask(json, '{"id":"7"}');
  expect([connected.head[":status"], JSON.parse(connected.text)]).toMatchObject([200, { id: "7" }]);
  expect(connected.head).toMatchObject(allowed);
  expect(connected.head["access-control-expose-headers"]).toMatch(/grpc-status, grpc-message/);
  const preflight = await ask({ ":path": path, ":method": "OPTIONS", "access-control-request-method": "POST" });
  expect(preflight.head).toMatchObject({ ":status": 204, ...allowed, "access-control-allow-methods": "POST" });
  expect(preflight.head["access-control-allow-headers"]).toMatch(/connect-protocol-version/);
  await expect
    .poll(() => records.map(({ template, status, code, peer }) => [template, status, code, peer]))
    .toEqual([
      ["/v1/dishes/{id}", 200, "OK", "203.0.113.7"],
      ["/legacy", 200, "OK", "203.0.113.7"],
      ["/test.kitchen.v1.Kitchen", 200, "OK", "203.0.113.7"],
      [undefined, 204, "OK", "203.0.113.7"],
    ]);
});
