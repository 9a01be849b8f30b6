// The generated routes in front of the same service somewhere else, by grpc-js.
import { createServer } from "node:http";
import { connect, createGateway } from "@protomesh/runtime";
import { Bench } from "../../gen/mesh/bench/v1/bench_mesh.ts";
import type { HttpServer } from "../contender.ts";
import { startBackend } from "../remote/backend.ts";
import { portOf } from "./port.ts";

export const server: HttpServer = {
  checks: true,
  async serve() {
    const gateway = createGateway([{ spec: Bench, target: connect(`127.0.0.1:${await startBackend()}`) }]);
    return portOf(createServer(gateway).listen(0, "127.0.0.1"));
  },
};
