// The generated routes in front of the implementation in the same process, without a policy.
import { createServer } from "node:http";
import { createGateway, implement, inProcess } from "@protomesh/runtime";
import { Bench } from "../../gen/mesh/bench/v1/bench_mesh.ts";
import { implementation } from "../../implementation.ts";
import type { HttpServer } from "../contender.ts";
import { portOf } from "./port.ts";

export const server: HttpServer = {
  checks: true,
  serve() {
    const gateway = createGateway([{ spec: Bench, target: inProcess(implement(Bench, implementation)) }]);
    return portOf(createServer(gateway).listen(0, "127.0.0.1"));
  },
};
