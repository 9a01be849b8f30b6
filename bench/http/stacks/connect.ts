// connect-node: unary calls as JSON over HTTP/1.1, at the addresses that the Connect protocol gives them.
import { createServer } from "node:http";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { Bench } from "../../gen/es/bench/v1/bench_pb.js";
import type { HttpServer } from "../contender.ts";
import { requests, wrong } from "../requests.ts";
import { portOf } from "./port.ts";

export const server: HttpServer = {
  checks: true,
  requests: {
    "GET, tiny": {
      method: "POST",
      path: "/bench.v1.Bench/Echo",
      body: requests["GET, tiny"].reply,
      reply: requests["GET, tiny"].reply,
    },
    "POST, order": { ...requests["POST, order"], path: "/bench.v1.Bench/PutOrder" },
  },
  wrong: { ...wrong, path: "/bench.v1.Bench/PutOrder" },
  serve() {
    const handler = connectNodeAdapter({
      routes: ({ service }) => service(Bench, { echo: (tiny) => tiny, putOrder: (order) => order }),
    });
    return portOf(createServer(handler).listen(0, "127.0.0.1"));
  },
};
