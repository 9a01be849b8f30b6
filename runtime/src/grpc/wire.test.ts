import { connect as tcp } from "node:net";
import {
  credentials,
  Metadata as GrpcMetadata,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  status,
} from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { createKitchenClient, Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { collect, gate, overGrpc } from "../../test/over-grpc.ts";
import { RpcError } from "../core/error.ts";
import { ErrorInfo } from "../messages/details.ts";
import { detail, encodeStatus, findDetail } from "../messages/status.ts";
import { connect } from "./connect.ts";

const soup = { name: "soup", id: 7n, withRecipe: false };

/** The kitchen as grpc-js wants it described. */
const definition: ServiceDefinition = Object.fromEntries(
  Object.entries(Kitchen.methods).map(([key, { path, kind, request, reply }]) => [
    key,
    {
      path,
      requestStream: kind === "clientStream" || kind === "bidi",
      responseStream: kind === "serverStream" || kind === "bidi",
      requestSerialize: (message: unknown) => Buffer.from(request.encode(message)),
      requestDeserialize: (bytes: Buffer) => request.decode(bytes),
      responseSerialize: (message: unknown) => Buffer.from(reply.encode(message)),
      responseDeserialize: (bytes: Buffer) => reply.decode(bytes),
    },
  ]),
);

/** A client of plain grpc-js. */
function plainClient(port: number) {
  const client = new (makeGenericClientConstructor(definition, "Kitchen"))(
    `127.0.0.1:${port}`,
    credentials.createInsecure(),
  );
  onTestFinished(() => client.close());
  // biome-ignore lint/suspicious/noExplicitAny: grpc-js makes the methods at run time
  return client as any;
}

/** A server of plain grpc-js, and a client of ours. */
async function plainServer(methods: { [key: string]: unknown }): Promise<Kitchen> {
  const server = new Server();
  const used = Object.fromEntries(Object.keys(methods).map((key) => [key, definition[key]]));
  server.addService(used as ServiceDefinition, methods as never);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const target = connect(`127.0.0.1:${port}`);
  onTestFinished(async () => {
    await target.close();
    await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  });
  return createKitchenClient(target);
}

test("a client of plain grpc-js calls all four kinds", async () => {
  const { server } = await overGrpc();
  const client = plainClient(server.port);

  expect(
    await new Promise((resolve, reject) =>
      client.getDish(soup, (error: Error | null, reply: unknown) => (error ? reject(error) : resolve(reply))),
    ),
  ).toMatchObject({ name: "soup" });
  expect((await collect(client.watchDishes({ count: 30, failAfter: 0 }))).length).toBe(30);
  expect(
    await new Promise((resolve, reject) => {
      const call = client.uploadDishes((error: Error | null, reply: unknown) =>
        error ? reject(error) : resolve(reply),
      );
      for (let id = 0n; id < 30n; id++) call.write(Dish.create({ id }));
      call.end();
    }),
  ).toMatchObject({ count: 30 });
  const chat = client.chat();
  chat.write({ text: "hello" });
  chat.end();
  expect(await collect(chat)).toMatchObject([{ text: "hello" }]);
});

test("a client of plain grpc-js reads our errors, headers and trailers", async () => {
  const { server } = await overGrpc({
    getDish(_request, context) {
      context.responseTrailers.set("x-tail", "t");
      throw new RpcError("FAILED_PRECONDITION", "ü", { details: [detail(ErrorInfo, { reason: "R" })] });
    },
  });

  const error = await new Promise<{ code: number; details: string; metadata: GrpcMetadata }>((resolve) =>
    plainClient(server.port).getDish(soup, resolve),
  );

  expect(error).toMatchObject({ code: status.FAILED_PRECONDITION, details: "ü" });
  expect(error.metadata.get("x-tail")).toEqual(["t"]);
  expect(error.metadata.get("grpc-status-details-bin")[0]).toBeInstanceOf(Buffer);
});

test("a client of plain grpc-js that cancels stops the implementation", async () => {
  const begun = gate();
  const ended = gate<unknown>();
  const { server } = await overGrpc({
    getDish: (_request, { cancellation }) =>
      new Promise((_, reject) => {
        cancellation.onCancel((reason) => {
          ended.open(reason);
          reject(reason);
        });
        begun.open();
      }),
  });

  const call = plainClient(server.port).getDish(soup, () => {});
  await begun.promise;
  call.cancel();

  expect(await ended.promise).toMatchObject({ code: "CANCELLED" });
});

test("our client calls all four kinds on a server of plain grpc-js", async () => {
  const kitchen = await plainServer({
    getDish: (call: ServerUnaryCall<Dish, Dish>, reply: (error: null, dish: Dish) => void) =>
      reply(null, Dish.create({ name: call.request.name })),
    watchDishes: (call: ServerWritableStream<{ count: number }, Dish>) => {
      for (let id = 1n; id <= BigInt(call.request.count); id++) call.write(Dish.create({ id }));
      call.end();
    },
    uploadDishes: (call: ServerReadableStream<Dish, unknown>, reply: (error: null, summary: unknown) => void) => {
      let count = 0;
      call.on("data", () => (count += 1));
      call.on("end", () => reply(null, { count }));
    },
    chat: (call: ServerDuplexStream<unknown, unknown>) => {
      call.on("data", (note) => call.write(note));
      call.on("end", () => call.end());
    },
  });
  async function* dishes() {
    for (let id = 0n; id < 30n; id++) yield Dish.create({ id });
  }
  async function* notes() {
    yield { text: "hello" };
  }

  expect(await kitchen.getDish(soup)).toMatchObject({ name: "soup" });
  expect((await collect(kitchen.watchDishes({ count: 30, failAfter: 0 }))).length).toBe(30);
  expect(await collect(kitchen.watchDishes({ count: 0, failAfter: 0 }))).toEqual([]);
  expect(await kitchen.uploadDishes(dishes())).toMatchObject({ count: 30 });
  expect(await collect(kitchen.chat(notes()))).toMatchObject([{ text: "hello" }]);
});

test("our client reads the errors of a server of plain grpc-js", async () => {
  const metadata = new GrpcMetadata();
  metadata.set("x-tail", "t");
  const packed = encodeStatus({ code: "ABORTED", text: "", details: [detail(ErrorInfo, { reason: "R" })] });
  metadata.set("grpc-status-details-bin", Buffer.from(packed));
  const kitchen = await plainServer({
    getDish: (_call: unknown, reply: (error: unknown) => void) =>
      reply({ code: status.ABORTED, details: "no", metadata }),
  });

  const error = await kitchen.getDish(soup).catch((caught: unknown) => caught);

  expect(error).toMatchObject({ code: "ABORTED", text: "no" });
  expect((error as RpcError).metadata?.toJSON()).toEqual(["x-tail"]);
  expect(findDetail(error, ErrorInfo)?.reason).toBe("R");
});

test("details that cannot be read leave the error as it is", async () => {
  const metadata = new GrpcMetadata();
  metadata.set("grpc-status-details-bin", Buffer.of(255, 255));
  const kitchen = await plainServer({
    getDish: (_call: unknown, reply: (error: unknown) => void) =>
      reply({ code: status.ABORTED, details: "no", metadata }),
  });

  await expect(kitchen.getDish(soup)).rejects.toMatchObject({ code: "ABORTED", text: "no", details: [] });
});

test("a reply that is not the message is INTERNAL, in a stream after the good ones", async () => {
  const bad = Buffer.of(255, 255, 255);
  const good = definition.watchDishes as NonNullable<(typeof definition)["watchDishes"]>;
  const asIs = (bytes: Buffer) => bytes;
  const server = new Server();
  server.addService(
    {
      getDish: { ...(definition.getDish as typeof good), responseSerialize: asIs },
      watchDishes: { ...good, responseSerialize: asIs },
    },
    {
      getDish: (_call: unknown, reply: (error: null, bytes: Buffer) => void) => reply(null, bad),
      watchDishes: (call: ServerWritableStream<unknown, Buffer>) => {
        call.write(Buffer.from(Kitchen.methods.getDish?.reply.encode(Dish.create({ id: 1n })) ?? []));
        call.write(bad);
        call.end();
      },
    },
  );
  const port = await new Promise<number>((resolve) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (_error, bound) => resolve(bound)),
  );
  const target = connect(`127.0.0.1:${port}`);
  onTestFinished(async () => {
    await target.close();
    server.forceShutdown();
  });
  const kitchen = createKitchenClient(target);
  const expected = { code: "INTERNAL", text: expect.stringContaining("test.kitchen.v1.Dish"), committed: true };

  await expect(kitchen.getDish(soup)).rejects.toMatchObject(expected);
  await expect(collect(kitchen.watchDishes({ count: 2, failAfter: 0 }))).rejects.toMatchObject(expected);
});

test.each([0, 2])("%d replies where one belongs are UNIMPLEMENTED", async (replies) => {
  const server = new Server();
  const getDish = { ...(definition.getDish as object), responseStream: true } as ServiceDefinition[string];
  server.addService(
    { getDish },
    {
      getDish: (call: ServerWritableStream<unknown, Dish>) => {
        for (let index = 0; index < replies; index++) call.write(Dish.create());
        call.end();
      },
    },
  );
  const port = await new Promise<number>((resolve) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (_error, bound) => resolve(bound)),
  );
  const target = connect(`127.0.0.1:${port}`);
  onTestFinished(async () => {
    await target.close();
    server.forceShutdown();
  });

  await expect(createKitchenClient(target).getDish(soup)).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
});

test("a request that is not the message is INTERNAL and reaches no implementation", async () => {
  let calls = 0;
  const { server } = await overGrpc({
    async getDish(request) {
      calls += 1;
      return Dish.create(request);
    },
  });
  const client = plainClient(server.port);
  const send = (path: string, body: Buffer) =>
    new Promise((resolve) =>
      client.makeUnaryRequest(
        path,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        body,
        resolve,
      ),
    );

  expect(await send(Kitchen.methods.getDish?.path ?? "", Buffer.of(255, 255))).toMatchObject({
    code: status.INTERNAL,
    details: expect.stringContaining("test.kitchen.v1.GetDishRequest"),
  });
  expect(await send("/test.kitchen.v1.Kitchen/NoSuch", Buffer.of())).toMatchObject({ code: status.UNIMPLEMENTED });
  expect(calls).toBe(0);
});

test.each([
  ["two messages", 2],
  ["no message", 0],
])("%s where one belongs are UNIMPLEMENTED", async (_name, messages) => {
  const { server } = await overGrpc();
  const answer = await new Promise((resolve) => {
    const call = plainClient(server.port).makeClientStreamRequest(
      Kitchen.methods.getDish?.path,
      () => Buffer.alloc(0),
      (bytes: Buffer) => bytes,
      resolve,
    );
    for (let index = 0; index < messages; index++) call.write({});
    call.end();
  });

  expect(answer).toMatchObject({ code: status.UNIMPLEMENTED });
});

/** One HTTP/2 frame. */
function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header in HPACK's plainest form. */
function header(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)]);
}

test("a caller that resets its stream has not said everything", async () => {
  const first = gate();
  const ended = gate<unknown>();
  const { server } = await overGrpc({
    async uploadDishes(dishes) {
      try {
        for await (const _ of dishes) first.open();
        ended.open("complete");
      } catch (error) {
        ended.open(error);
      }
      return { count: 0 };
    },
  });
  const socket = tcp(server.port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("data", () => {});
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(frame(4, 0, 0)); // SETTINGS
  const headers = [
    header(":method", "POST"),
    header(":scheme", "http"),
    header(":path", Kitchen.methods.uploadDishes?.path ?? ""),
    header(":authority", "test"),
    header("content-type", "application/grpc"),
    header("te", "trailers"),
  ];
  socket.write(frame(1, 4, 1, Buffer.concat(headers))); // HEADERS, END_HEADERS
  socket.write(frame(0, 0, 1, Buffer.alloc(5))); // DATA: one empty message
  await first.promise;
  socket.write(frame(3, 0, 1, Buffer.of(0, 0, 0, 8))); // RST_STREAM, CANCEL

  expect(await ended.promise).toMatchObject({ code: "CANCELLED" });
});
