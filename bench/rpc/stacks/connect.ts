// connect-node speaking gRPC over HTTP/2 with protobuf-es messages, default options, no interceptor.
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { Bench, type Order, OrderSchema, type Tiny, TinySchema } from "../../gen/es/bench/v1/bench_pb.js";
import { order, tiny } from "../../samples.ts";
import { drain, type Stack, settle } from "../peer.ts";

export const stack: Stack = {
  serve() {
    const server = createServer(
      connectNodeAdapter({
        routes: (router) => {
          router.service(Bench, {
            echo: async (request) => request,
            putOrder: async (request) => request,
            async *feed({ count }) {
              for (let number = 0; number < count; number++) yield create(TinySchema, { text: tiny.text, number });
            },
          });
        },
      }),
    );
    return new Promise((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)),
    );
  },
  connect(port) {
    const baseUrl = `http://127.0.0.1:${port}`;
    const sessionManager = new Http2SessionManager(baseUrl);
    const client = createClient(Bench, createGrpcTransport({ baseUrl, sessionManager }));
    return {
      tiny: create(TinySchema, tiny),
      order: create(OrderSchema, { ...order, createdAt: timestampFromDate(order.createdAt) }),
      echo: (request, done) => settle(client.echo(request as Tiny), done),
      putOrder: (request, done) => settle(client.putOrder(request as Order), done),
      feed: (count, onMessage, done) => settle(drain(client.feed({ count }), onMessage), done),
      close: () => sessionManager.abort(),
    };
  },
};
