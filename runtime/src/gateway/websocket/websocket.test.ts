import { describe, expect, test } from "vitest";
import { Dish, Note, UploadSummary } from "../../../test/kitchen/kitchen.ts";
import { collect, gate } from "../../../test/over-grpc.ts";
import { overWebSocket } from "../../../test/over-websocket.ts";
import { RpcError } from "../../core/error.ts";

const note = (text: string) => ({ m: { text } });

describe.each(["in-process", "grpc"] as const)("a WebSocket %s", (through) => {
  test("carries a bidi stream both ways, with a half-close", async () => {
    const { open } = await overWebSocket({}, { through });
    const client = await open("/v1/chat").opened();
    expect(client.ws.protocol).toBe("mesh.v1+json");
    client.send(note("a"));
    expect(await client.next()).toEqual(note("a"));
    client.send(note("b"));
    expect(await client.next()).toEqual(note("b"));
    client.send({ end: true });
    expect(await client.rest()).toEqual({ frames: [], code: 1000, reason: "" });
  });

  test("carries a client stream to its one reply", async () => {
    const { open } = await overWebSocket({}, { through });
    const client = await open("/v1/uploads").opened();
    client.send({ m: { id: "1" } });
    client.send(' { "m" : {"id":9007199254740993} } ');
    client.send({ end: true });
    expect(await client.rest()).toEqual({ frames: [{ m: { count: 2 } }], code: 1000, reason: "" });
  });

  test("carries a server stream, asked by path, by query, and by the first message", async () => {
    const { open } = await overWebSocket({}, { through });
    const ids = async (path: string, first?: object) => {
      const client = open(path);
      if (first) (await client.opened()).send(first);
      const { frames, code } = await client.rest();
      expect(code).toBe(1000);
      return (frames as { m: { id: string } }[]).map(({ m }) => m.id);
    };
    expect(await ids("/v1/watch/2")).toEqual(["1", "2"]);
    expect(await ids("/v1/watch?count=3")).toEqual(["1", "2", "3"]);
    expect(await ids("/v1/asked", { m: { count: 1 } })).toEqual(["1"]);
  });

  test("has headers before the first message and trailers after the last", async () => {
    const { open } = await overWebSocket(
      {
        async *chat(notes, { responseHeaders, responseTrailers }) {
          responseHeaders.set("tenant", "t");
          responseTrailers.set("cost", "5").set("sum-bin", new Uint8Array([1]));
          yield* notes;
        },
      },
      { through },
    );
    const client = await open("/v1/chat").opened();
    client.send(note("a"));
    client.send({ end: true });
    const { frames } = await client.rest();
    expect(frames).toEqual([{ headers: { tenant: "t" } }, note("a"), { trailers: { cost: "5", "sum-bin": "AQ==" } }]);
  });

  test("ends with the error and the code when the call fails later", async () => {
    const { open } = await overWebSocket(
      {
        async *chat(notes) {
          for await (const one of notes) {
            yield one;
            throw new RpcError("ABORTED", "burnt");
          }
        },
      },
      { through },
    );
    const client = await open("/v1/chat").opened();
    client.send(note("a"));
    expect(await client.rest()).toEqual({
      frames: [note("a"), { error: { code: 10, message: "burnt", details: [] } }],
      code: 4010,
      reason: "burnt",
    });
  });

  test("cancels the call when the client goes", async () => {
    const stopped = gate<string>();
    const { open, gateway } = await overWebSocket(
      {
        async *chat(notes, { cancellation }) {
          cancellation.onCancel(({ code }) => stopped.open(code));
          for await (const one of notes) {
            yield one;
            await new Promise(() => {});
          }
        },
      },
      { through },
    );
    const client = await open("/v1/chat").opened();
    client.send(note("a"));
    await client.next();
    client.ws.close(1000);
    expect(await stopped.promise).toBe("CANCELLED");
    await gateway.idle();
  });

  test("sends messages in the codec's bytes under mesh.v1+proto", async () => {
    const { open } = await overWebSocket({}, { through });
    const client = await open("/v1/chat", ["mesh.v1+proto", "mesh.v1+json"]).opened();
    expect(client.ws.protocol).toBe("mesh.v1+proto");
    client.send(Note.encode({ text: "a" }).finish());
    expect(Note.decode((await client.next()) as Buffer).text).toBe("a");
    client.send({ end: true });
    expect((await client.closed).code).toBe(1000);

    const upload = await open("/v1/uploads", "mesh.v1+proto").opened();
    upload.send(Dish.encode(Dish.create({ id: 1n })).finish());
    upload.send({ end: true });
    expect(UploadSummary.decode((await upload.next()) as Buffer).count).toBe(1);
    expect((await upload.closed).code).toBe(1000);
  });

  test("speaks as grpc-websocket-proxy does without a subprotocol", async () => {
    const { open } = await overWebSocket({}, { through });
    const client = await open("/v1/posted?method=POST", []).opened();
    expect(client.ws.protocol).toBe("");
    client.send({ text: "a" });
    expect(await client.next()).toEqual({ result: { text: "a" } });
    client.send("");
    expect(await client.rest()).toEqual({ frames: [], code: 1000, reason: "" });

    const wrong = await open("/v1/posted", []).opened();
    wrong.send('{"text":1}');
    const { frames, code } = await wrong.rest();
    expect(frames).toMatchObject([{ error: { code: 3 } }]);
    expect(code).toBe(4003);
  });
});

test("the first message of a client stream has what path and query say, the path wins", async () => {
  const seen: unknown[] = [];
  const { open } = await overWebSocket({
    async uploadDishes(dishes) {
      seen.push(...(await collect(dishes)).map(({ name, id, note }) => ({ name, id, note })));
      return { count: 0 };
    },
  });
  const upload = async (frames: readonly (object | Uint8Array)[], protocol: string) => {
    const client = await open("/v1/shelves/x%2Fy/uploads?id=7&note=n&name=query", protocol).opened();
    for (const frame of frames) client.send(frame);
    client.send({ end: true });
    expect((await client.closed).code).toBe(1000);
    return seen.splice(0);
  };
  expect(await upload([{ m: { name: "frame", note: "mine" } }, { m: { name: "second" } }], "mesh.v1+json")).toEqual([
    { name: "x/y", id: 7n, note: "mine" },
    { name: "second", id: 0n, note: undefined },
  ]);
  const bytes = (name: string) => Dish.encode(Dish.create({ name })).finish();
  expect(await upload([bytes("frame"), bytes("second")], "mesh.v1+proto")).toEqual([
    { name: "x/y", id: 0n, note: undefined },
    { name: "second", id: 0n, note: undefined },
  ]);
});

test("a path with several streaming methods asks for a choice", async () => {
  const { open } = await overWebSocket();
  const refused = await open("/v1/both").refused;
  expect(refused.status).toBe(400);
  expect(refused.body.message).toBe("several methods stream at this path: choose by ?method=POST or ?method=PUT");
  const chat = await open("/v1/both?method=PUT").opened();
  chat.send(note("a"));
  expect(await chat.next()).toEqual(note("a"));
  const upload = await open("/v1/both?x=1&method=POST").opened();
  upload.send({ end: true });
  expect(await upload.next()).toEqual({ m: { count: 0 } });
});

test("what does not stream, and what does not exist, is refused before the handshake", async () => {
  const { open } = await overWebSocket();
  expect(await open("/v1/ping").refused).toMatchObject({
    status: 400,
    body: { message: expect.stringContaining("does not stream") },
  });
  expect(await open("/v1/nowhere").refused).toMatchObject({ status: 404, body: { code: 5 } });
  expect(await open("/v1/watch/many").refused).toMatchObject({ status: 400, body: { code: 3 } });
});

test("a server that waits for the client's first message does not hold up the handshake", async () => {
  const { open } = await overWebSocket({
    async uploadDishes(dishes) {
      const [first] = await collect(dishes);
      return { count: Number(first?.id) };
    },
  });
  const client = await open("/v1/uploads").opened();
  client.send({ m: { id: "5" } });
  client.send({ end: true });
  expect(await client.next()).toEqual({ m: { count: 5 } });
});

test("a bare client stream ends by a close, and its call comes to its end", async () => {
  const counted = gate<number>();
  const { open, gateway } = await overWebSocket({
    async uploadDishes(dishes) {
      const { length } = await collect(dishes);
      counted.open(length);
      return { count: length };
    },
  });
  const client = await open("/v1/uploads", []).opened();
  client.send({ id: 1 });
  client.ws.close(1000);
  expect(await counted.promise).toBe(1);
  await gateway.idle();
});
