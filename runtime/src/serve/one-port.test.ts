import { once } from "node:events";
import { readFileSync } from "node:fs";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from "node:http2";
import { get as getHttps } from "node:https";
import { connect as connectSocket } from "node:net";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { Client, credentials } from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import { Dish, GetDishRequest } from "../../test/kitchen/kitchen.ts";
import { createKitchenClient } from "../../test/kitchen/kitchen_mesh.ts";
import { gate } from "../../test/over-grpc.ts";
import { raw } from "../../test/over-http.ts";
import { get, kitchenOf, kitchenWith, start } from "../../test/serving.ts";
import { connect } from "../grpc/connect.ts";
import { FakeClock, settled } from "../testing.ts";
import type { HttpDoorOptions } from "./options.ts";
import type { RunningServer } from "./serve.ts";

const portOf = (server: RunningServer) => server.http?.port as number;
const file = (name: string) => fileURLToPath(new URL(`../../test/tls/${name}`, import.meta.url));
const tls = { cert: file("server.pem"), key: file("server.key") };
const ca = file("ca.pem");
const json = { "content-type": "application/json" };

function session(server: RunningServer, options: SecureClientSessionOptions = {}): ClientHttp2Session {
  const client = connectHttp2(server.http?.url as string, { ca: readFileSync(ca), ...options });
  client.on("error", () => {});
  onTestFinished(() => client.destroy());
  return client;
}

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
}

async function ask(client: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string): Promise<Answer> {
  const stream = client.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answer(stream);
}

async function answer(stream: ClientHttp2Stream): Promise<Answer> {
  let got: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  stream.on("response", (headers) => {
    got = headers;
  });
  stream.on("trailers", (headers) => {
    trailers = headers;
  });
  let body = "";
  stream.setEncoding("utf8").on("data", (text) => {
    body += text;
  });
  await once(stream, "close");
  return { headers: got, body, trailers };
}

test("gRPC, HTTP/1.1 and HTTP/2 at one port", async () => {
  const server = await start({ listen: 0 });
  expect(server.grpc).toEqual({ host: "127.0.0.1", port: portOf(server) });
  const dish = await kitchenOf(server).getDish({ name: "", id: 7n, withRecipe: false });
  expect(dish.id).toBe(7n);
  const { response, body } = await get(`${server.http?.url}/v1/dishes/7`);
  expect([response.statusCode, JSON.parse(body)]).toMatchObject([200, { id: "7" }]);
  expect((await fetch(`${server.http?.url}/healthz`)).status).toBe(200);

  const client = session(server);
  const answer = await ask(client, { ":path": "/v1/dishes/7" });
  expect(answer.headers).toMatchObject({ ":status": 200, "content-type": "application/json" });
  expect(answer.body).toBe(body);
  const posted = await ask(
    client,
    { ":path": "/v1/dishes", ":method": "POST", "content-type": "application/json" },
    '{"name":"soup"}',
  );
  expect([posted.headers[":status"], JSON.parse(posted.body)]).toMatchObject([200, { name: "soup" }]);
  const head = await ask(client, { ":path": "/v1/dishes/7", ":method": "HEAD" });
  expect(head.headers).toMatchObject({ ":status": 200, "content-length": String(body.length) });
  expect((await ask(client, { ":path": "/none" })).headers[":status"]).toBe(404);
});

/** A call by grpc-js alone. */
function callByGrpcJs(server: RunningServer): Promise<Dish> {
  const client = new Client(`127.0.0.1:${portOf(server)}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      "/test.kitchen.v1.Kitchen/GetDish",
      (request: GetDishRequest) => Buffer.from(GetDishRequest.encode(request).finish()),
      (bytes) => Dish.decode(bytes),
      { name: "", id: 7n, withRecipe: false },
      (error, reply) => (error ? reject(error) : resolve(reply as Dish)),
    );
  });
}

test("one connection carries gRPC and HTTP side by side", async () => {
  const server = await start({ listen: 0 });
  expect(await callByGrpcJs(server)).toMatchObject({ id: 7n });
  const client = session(server);
  const message = Buffer.from(GetDishRequest.encode({ name: "", id: 7n, withRecipe: false }).finish());
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
  const byGrpc = client.request({
    ":path": "/test.kitchen.v1.Kitchen/GetDish",
    ":method": "POST",
    "content-type": "application/grpc+proto",
    te: "trailers",
  });
  byGrpc.end(frame);
  const [grpc, rest] = await Promise.all([answer(byGrpc), ask(client, { ":path": "/v1/dishes/7" })]);
  expect(grpc.headers["content-type"]).toBe("application/grpc+proto");
  expect(grpc.trailers["grpc-status"]).toBe("0");
  expect(JSON.parse(rest.body)).toMatchObject({ id: "7" });
  // A wrong kind of gRPC is gRPC's to refuse, and gRPC-Web is none.
  const jsonGrpc = {
    ":path": "/test.kitchen.v1.Kitchen/GetDish",
    ":method": "POST",
    "content-type": "application/grpc+json",
  };
  expect((await ask(client, jsonGrpc, "")).headers[":status"]).toBe(415);
  const web = await ask(client, { ...jsonGrpc, "content-type": "application/grpc-web" }, "");
  expect([web.headers[":status"], web.headers["content-type"], web.body]).toEqual([404, undefined, ""]);
});

test("with TLS, ALPN decides, and the caller is known by every protocol", async () => {
  const services = [
    kitchenWith({ getDish: async (_, { peer }) => Dish.create({ name: peer.certificate?.uris[0] ?? "nobody" }) }),
  ];
  const server = await start({ services, listen: 0, tls: { ...tls, ca } });
  expect(server.http?.url).toMatch(/^https:/);
  const [cert, key] = [file("waiter.pem"), file("waiter.key")];
  const pem = { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) };
  const waiter = "spiffe://kitchen.test/waiter";

  const target = connect(`127.0.0.1:${portOf(server)}`, { tls: { ca, cert, key } });
  onTestFinished(() => target.close());
  expect(await createKitchenClient(target).getDish({ name: "", id: 1n, withRecipe: false })).toMatchObject({
    name: waiter,
  });
  const byHttp2 = await ask(session(server, pem), { ":path": "/v1/dishes/1" });
  expect(JSON.parse(byHttp2.body)).toMatchObject({ name: waiter });
  for (const ALPNProtocols of [["http/1.1"], undefined]) {
    const request = getHttps(`${server.http?.url}/v1/dishes/1`, {
      ...pem,
      agent: false,
      ...(ALPNProtocols && { ALPNProtocols }),
    });
    const [response] = await once(request, "response");
    let body = "";
    for await (const chunk of response.setEncoding("utf8")) body += chunk;
    expect(JSON.parse(body)).toMatchObject({ name: waiter });
  }

  const nobody = connectTls({ port: portOf(server), host: "127.0.0.1", ca: pem.ca, ALPNProtocols: ["h2"] }).resume();
  await expect(once(nobody, "close").then(() => Promise.reject(nobody.errored))).rejects.toThrow();
});

test("a certificate that cannot be read names the option", async () => {
  await expect(start({ listen: 0, tls: { cert: "/no/such.pem", key: tls.key } })).rejects.toThrow(
    "serve: listen: tls.cert names /no/such.pem, which cannot be read (ENOENT)",
  );
});

test("a port that is taken names the option", async () => {
  const server = await start({ listen: 0 });
  await expect(start({ listen: portOf(server) })).rejects.toThrow(/serve: listen.*the port is in use/);
  await expect(start({ listen: 0, http: 0 })).rejects.toThrow("serve: listen is one port for gRPC and HTTP");
  await expect(start({ listen: { address: 0, sendTimeout: 1 } as never })).rejects.toThrow(
    "did you mean sendTimeoutMs",
  );
});

test("streams, trailers and errors by HTTP/2", async () => {
  const server = await start({
    services: [
      kitchenWith({
        getDish(_, { responseTrailers }) {
          responseTrailers.append("cost", "3").append("cost", "4");
          return Promise.resolve(Dish.create());
        },
      }),
    ],
    listen: 0,
  });
  const client = session(server);
  const stream = await ask(client, { ":path": "/v1/dishes:watch?count=2" });
  expect(
    stream.body
      .split("\n")
      .slice(0, 2)
      .map((line) => JSON.parse(line)),
  ).toMatchObject([{ result: { id: "1" } }, { result: { id: "2" } }]);
  const { trailers } = await ask(client, { ":path": "/v1/dishes/7", te: "trailers" });
  expect(trailers["grpc-trailer-cost"]).toBe("3, 4");
  const bad = await ask(client, { ":path": "/v1/dishes", ":method": "POST", ...json }, "{");
  expect([bad.headers[":status"], JSON.parse(bad.body)]).toMatchObject([400, { code: 3 }]);
});

test("a client that resets its stream cancels the call, and a body that is broken off is no request", async () => {
  const [asked, cancelled] = [gate(), gate<string>()];
  let created = 0;
  const errors: unknown[] = [];
  const server = await start({
    services: [
      kitchenWith({
        ping(_, { cancellation }) {
          cancellation.onCancel(({ code }) => cancelled.open(code));
          asked.open();
          return new Promise(() => {});
        },
        async createDish() {
          created += 1;
          return Dish.create();
        },
      }),
    ],
    onError: (error) => void errors.push(error),
    listen: 0,
  });
  const socket = connectSocket(portOf(server), "127.0.0.1");
  const client = session(server, { createConnection: () => socket });
  const stream = client.request({ ":path": "/v1/ping" }).on("error", () => {});
  await asked.promise;
  stream.close(constants.NGHTTP2_CANCEL);
  expect(await cancelled.promise).toBe("CANCELLED");

  const post = client.request({ ":path": "/v1/dishes", ":method": "POST", ...json }).on("error", () => {});
  post.write('{"name":"soup"}');
  await new Promise<void>((resolve) => client.ping(() => resolve()));
  // By hand, because Node.js ends the body before it resets the stream.
  socket.write(Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, post.id as number, 0, 0, 0, constants.NGHTTP2_CANCEL]));
  await new Promise<void>((resolve) => client.ping(() => resolve()));
  expect((await ask(client, { ":path": "/v1/dishes/7" })).headers[":status"]).toBe(200);
  expect(created).toBe(0);
  expect(errors).toEqual([]);
});

test("a client that does not read stops its stream, not the connection", async () => {
  let made = 0;
  const server = await start({
    services: [
      kitchenWith({
        async *watchDishes() {
          for (;;) {
            made += 1;
            yield Dish.create({ name: "x".repeat(100_000) });
          }
        },
      }),
    ],
    listen: 0,
  });
  const client = session(server);
  const stream = client
    .request({ ":path": "/v1/dishes:watch" })
    .on("error", () => {})
    .pause();
  let before = -1;
  while (made !== before || made === 0) {
    before = made;
    await ask(client, { ":path": "/healthz" });
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
  }
  expect(made).toBeLessThan(50);
  stream.close(constants.NGHTTP2_CANCEL);
});

test("a stream that fails behind its first message is reset, so that nobody takes it for whole", async () => {
  const server = await start({
    services: [
      kitchenWith({
        async *watchDishes() {
          yield Dish.create({ id: 1n });
          yield "no dish" as never;
        },
      }),
    ],
    onError: () => {},
    listen: 0,
  });
  const stream = session(server).request({ ":path": "/v1/dishes:watch", accept: "application/json" });
  const text = await answer(stream).then(
    ({ body }) => body,
    (error) => `${error}`,
  );
  expect(text).toMatch(/"code":13|ERR_HTTP2_STREAM_ERROR|Stream closed with error/);
});

test("what HTTP/1.1 refuses, HTTP/2 does", async () => {
  const server = await start({ listen: { address: 0, maxHeaderBytes: 2_000 } });
  const client = session(server);
  const large = await ask(client, { ":path": "/healthz", "x-long": "x".repeat(3_000) });
  expect([large.headers[":status"], JSON.parse(large.body).code]).toEqual([431, 8]);
  expect((await ask(client, { ":path": "/healthz", expect: "x" })).headers[":status"]).toBe(417);
  expect((await ask(client, { ":path": "/healthz", expect: "100-continue" })).headers[":status"]).toBe(200);
  expect(await raw(portOf(server), `GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(3_000)}\r\n\r\n`)).toMatch(/ 431 /);
  expect(await raw(portOf(server), "NONSENSE\r\n\r\n")).toMatch(/ 400 /);
});

const limited = (limits: Partial<HttpDoorOptions>) => start({ listen: { address: 0, ...limits } });

test("slow clients are cut off, whatever they speak", async () => {
  const server = await limited({ headersTimeoutMs: 50, requestTimeoutMs: 100 });
  expect(await raw(portOf(server), "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow:")).toMatch(/^HTTP\/1.1 408 /);
  const silent = connectSocket(portOf(server), "127.0.0.1").on("error", () => {});
  silent.write("P");
  await once(silent.resume(), "close");
  const post = session(server).request({ ":path": "/v1/dishes", ":method": "POST", ...json });
  post.write("{");
  expect((await answer(post)).headers[":status"]).toBe(408);
});

test("idle connections are closed after keepAliveMs", async () => {
  const server = await limited({ keepAliveMs: 50 });
  const client = session(server);
  await ask(client, { ":path": "/healthz" });
  await once(client, "close");
  const socket = connectSocket(portOf(server), "127.0.0.1").resume();
  socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(socket, "close");
});

test("a client by HTTP/2 that does not read its answer is cut off", async () => {
  const closed = gate<number>();
  const server = await start({
    services: [kitchenWith({ getDish: async () => Dish.create({ name: "x".repeat(20_000_000) }) })],
    listen: { address: 0, sendTimeoutMs: 50 },
  });
  const stream = session(server)
    .request({ ":path": "/v1/dishes/1" })
    .on("error", () => {})
    .pause();
  stream.on("close", () => closed.open(stream.rstCode));
  expect(await closed.promise).toBe(constants.NGHTTP2_CANCEL);
});

test("draining lets every protocol finish, and closes what is idle", async () => {
  const arrived = gate();
  const done = gate();
  let calls = 0;
  const getDish = async () => {
    calls += 1;
    if (calls === 3) arrived.open();
    await done.promise;
    return Dish.create({ id: 7n });
  };
  const server = await start({ services: [kitchenWith({ getDish })], listen: 0 });
  const idle = connectSocket(portOf(server), "127.0.0.1").resume();
  await once(idle, "connect");
  const client = session(server);
  const goaway = once(client, "goaway");
  const calling = [
    kitchenOf(server).getDish({ name: "", id: 7n, withRecipe: false }),
    get(`${server.http?.url}/v1/dishes/7`),
    ask(client, { ":path": "/v1/dishes/7" }),
  ] as const;
  await arrived.promise;
  const stopped = server.stop();
  expect((await goaway)[0]).toBe(constants.NGHTTP2_NO_ERROR);
  await settled();
  expect(server.state).toBe("draining");
  done.open();
  const [grpc, http1, http2] = await Promise.all(calling);
  expect(grpc).toMatchObject({ id: 7n });
  expect([http1.response.statusCode, http1.response.headers.connection]).toEqual([200, "close"]);
  expect(http2.headers[":status"]).toBe(200);
  await stopped;
});

test("what does not finish is ended at the limit, by HTTP/2 too", async () => {
  const clock = new FakeClock();
  const arrived = gate();
  const getDish = () => {
    arrived.open();
    return new Promise<Dish>(() => {});
  };
  const server = await start({ services: [kitchenWith({ getDish })], listen: 0, drain: { limitMs: 1_000 }, clock });
  const asking = ask(session(server), { ":path": "/v1/dishes/7" });
  await arrived.promise;
  const stopped = server.stop();
  await clock.advance(1_000);
  expect((await asking).headers[":status"]).toBe(503);
  await stopped;
});
