import { once } from "node:events";
import { connect as connectHttp2, type ClientHttp2Session, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { connect as connectSocket } from "node:net";
import { Client, credentials } from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { gate } from "../../test/over-grpc.ts";
import { raw } from "../../test/over-http.ts";
import { get, kitchenOf, kitchenWith, start } from "../../test/serving.ts";
import type { RunningServer } from "./serve.ts";

const portOf = (server: RunningServer) => server.http?.port as number;

function session(server: RunningServer): ClientHttp2Session {
  const client = connectHttp2(server.http?.url as string);
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
  let got: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  stream.on("response", (headers) => {
    got = headers;
  });
  stream.on("trailers", (headers) => {
    trailers = headers;
  });
  let text = "";
  for await (const chunk of stream.setEncoding("utf8")) text += chunk;
  return { headers: got, body: text, trailers };
}

test("gRPC, HTTP/1.1 and HTTP/2 at one port", async () => {
  const server = await start({ listen: 0 });
  expect(server.grpc).toEqual({ host: "127.0.0.1", port: portOf(server) });
  const dish = await kitchenOf(server).getDish({ id: 7n });
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
