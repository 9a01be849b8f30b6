// grpc-js as one writes it by hand: a service definition over ts-proto's codec, callbacks, default options.
import { once } from "node:events";
import * as grpc from "@grpc/grpc-js";
import { FeedRequest, Order, Tiny } from "../../gen/mesh/bench/v1/bench.ts";
import { order, tiny } from "../../samples.ts";
import type { Done } from "../../slice.ts";
import type { Peer, Stack } from "../peer.ts";

/** The view that grpc-js wants, without a copy. */
const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

const method = <Request, Reply>(
  name: string,
  request: Codec<Request>,
  reply: Codec<Reply>,
  responseStream = false,
) => ({
  path: `/bench.v1.Bench/${name}`,
  requestStream: false,
  responseStream,
  requestSerialize: (message: Request) => asBuffer(request.encode(message).finish()),
  requestDeserialize: (bytes: Buffer) => request.decode(bytes),
  responseSerialize: (message: Reply) => asBuffer(reply.encode(message).finish()),
  responseDeserialize: (bytes: Buffer) => reply.decode(bytes),
});

const service = {
  echo: method("Echo", Tiny, Tiny),
  putOrder: method("PutOrder", Order, Order),
  feed: method("Feed", FeedRequest, Tiny, true),
};

function serve(): Promise<number> {
  const server = new grpc.Server();
  server.addService(service, {
    echo: (call: grpc.ServerUnaryCall<Tiny, Tiny>, done: grpc.sendUnaryData<Tiny>) => done(null, call.request),
    putOrder: (call: grpc.ServerUnaryCall<Order, Order>, done: grpc.sendUnaryData<Order>) => done(null, call.request),
    async feed(call: grpc.ServerWritableStream<FeedRequest, Tiny>) {
      for (let number = 0; number < call.request.count; number++) {
        if (!call.write({ text: tiny.text, number })) await once(call, "drain");
      }
      call.end();
    },
  });
  return new Promise((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
}

/** A client that sends each call with what `extras` returns. */
export function connectWith(port: number, extras: () => { metadata: grpc.Metadata; options: grpc.CallOptions }): Peer {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const unary =
    <Request, Reply>({ path, requestSerialize, responseDeserialize }: ReturnType<typeof method<Request, Reply>>) =>
    (request: object, done: Done) => {
      const { metadata, options } = extras();
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request as Request,
        metadata,
        options,
        (error, reply) => done(error ?? undefined, reply),
      );
    };
  return {
    tiny: Tiny.create(tiny),
    order: Order.create(order),
    echo: unary(service.echo),
    putOrder: unary(service.putOrder),
    feed(count, onMessage, done) {
      const { metadata, options } = extras();
      const { path, requestSerialize, responseDeserialize } = service.feed;
      client
        .makeServerStreamRequest(path, requestSerialize, responseDeserialize, { count }, metadata, options)
        .on("data", onMessage)
        .on("error", done)
        .on("end", () => done(undefined));
    },
  };
}

export const stack: Stack = {
  serve,
  connect: (port) => connectWith(port, () => ({ metadata: new grpc.Metadata(), options: {} })),
};
