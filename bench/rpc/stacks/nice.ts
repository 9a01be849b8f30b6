// nice-grpc on ts-proto's generic definitions, default options, no middleware.
import { createChannel, createClient, createServer } from "nice-grpc";
import { BenchDefinition, Order, Tiny } from "../../gen/nice/bench/v1/bench.ts";
import { order, tiny } from "../../samples.ts";
import { drain, type Stack, settle } from "../peer.ts";

export const stack: Stack = {
  serve() {
    const server = createServer();
    server.add(BenchDefinition, {
      echo: async (request) => request,
      putOrder: async (request) => request,
      async *feed({ count }) {
        for (let number = 0; number < count; number++) yield { text: tiny.text, number };
      },
    });
    return server.listen("127.0.0.1:0");
  },
  connect(port) {
    const channel = createChannel(`127.0.0.1:${port}`);
    const client = createClient(BenchDefinition, channel);
    return {
      tiny: Tiny.create(tiny),
      order: Order.create(order),
      echo: (request, done) => settle(client.echo(request), done),
      putOrder: (request, done) => settle(client.putOrder(request), done),
      feed: (count, onMessage, done) => settle(drain(client.feed({ count }), onMessage), done),
      close: () => channel.close(),
    };
  },
};
