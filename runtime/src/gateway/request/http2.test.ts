import { once } from "node:events";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { expect, onTestFinished, test } from "vitest";
import { type FilesMethods, filesWith } from "../../../test/files.ts";
import { gate } from "../../../test/over-grpc.ts";
import { start } from "../../../test/serving.ts";

/** The service at one port, and a connection by HTTP/2. */
async function overHttp2(changes: FilesMethods = {}) {
  const server = await start({ services: [filesWith(changes).service], listen: "127.0.0.1:0" });
  const session = connect(server.http?.url as string).on("error", () => {});
  onTestFinished(() => session.destroy());
  return { server, session };
}

const post = (session: ClientHttp2Session, path: string, type: string, body?: string) => {
  const stream = session.request({ ":method": "POST", ":path": path, "content-type": type }, { endStream: false });
  stream.setEncoding("utf8").on("error", () => {});
  if (body !== undefined) stream.end(body);
  return stream;
};

async function answer(stream: ReturnType<typeof post>): Promise<{ status: unknown; body: string }> {
  let status: unknown;
  stream.on("response", (headers) => {
    status = headers[":status"];
  });
  let body = "";
  stream.on("data", (text) => {
    body += text;
  });
  await once(stream, "close");
  return { status, body };
}

test("both sides stream at the same time", async () => {
  const { session } = await overHttp2();
  const stream = post(session, "/v1/echo", "application/x-ndjson");
  for (const name of ["a", "b", "c"]) {
    stream.write(`{"name":"${name}"}\n`);
    const [line] = (await once(stream, "data")) as [string];
    expect(JSON.parse(line)).toMatchObject({ result: { name } });
  }
  stream.end();
  await once(stream, "close");
  expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
});

test("an element that is none ends the call where it stands", async () => {
  const { session } = await overHttp2();
  const stream = post(session, "/v1/echo", "application/json");
  stream.write('{"name":"a"}');
  expect(String(await once(stream, "data"))).toContain('"name":"a"');
  stream.write('{"count":"x"}');
  const [line] = (await once(stream, "data")) as [string];
  expect(JSON.parse(line)).toMatchObject({
    error: { code: 3, message: expect.stringContaining("element 2 of the body") },
  });
  stream.close();
});

test("one side streams", async () => {
  const { session } = await overHttp2();
  const { status, body } = await answer(post(session, "/v1/menus/items", "application/json", '[{"name":"a"},{}]'));
  expect(status).toBe(200);
  expect(JSON.parse(body)).toEqual({ count: 2, seen: ["menus|a|0", "||0"] });
  const raw = await answer(post(session, "/v1/pour", "image/png", "abc"));
  expect(JSON.parse(raw.body)).toMatchObject({ seen: ["image/png|3"] });
});

test("a request without a body has none", async () => {
  const { session } = await overHttp2();
  const stream = session.request({ ":method": "POST", ":path": "/v1/menus/items" }, { endStream: true });
  const { status, body } = await answer(stream.setEncoding("utf8"));
  expect(status).toBe(200);
  expect(JSON.parse(body)).toEqual({ count: 0, seen: [] });
});

test.each(["stream", "connection"])("a %s that breaks off cancels the call", async (what) => {
  const [asked, ended] = [gate(), gate<unknown>()];
  const { session } = await overHttp2({
    async count(requests) {
      try {
        for await (const _ of requests) asked.open();
        ended.open("the end");
      } catch (error) {
        ended.open((error as { code?: string }).code);
        throw error;
      }
      return {};
    },
  });
  const stream = post(session, "/v1/menus/items", "application/json");
  stream.write('{"name":"a"}{');
  await asked.promise;
  if (what === "stream") stream.destroy(new Error("broken"));
  else session.destroy();
  expect(await ended.promise).toBe("CANCELLED");
});

test("bodies are taken as serve is told to", async () => {
  const gateway = { strictBody: true, multipart: true };
  const server = await start({ services: [filesWith().service], listen: "127.0.0.1:0", gateway });
  const strict = await fetch(`${server.http?.url}/v1/menus/find`, { method: "POST", body: "{}" });
  expect(strict.status).toBe(400);
  const form = new FormData();
  form.append("file", new Blob(["abc"], { type: "image/png" }), "a.png");
  const raw = await fetch(`${server.http?.url}/v1/raw`, { method: "POST", body: form });
  expect(await raw.json()).toMatchObject({ count: 3, seen: ["image/png"] });
});
