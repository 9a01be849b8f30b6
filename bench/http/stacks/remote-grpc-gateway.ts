// grpc-gateway in Go, with what its generator makes of the same annotations.
import type { HttpServer } from "../contender.ts";
import { startBackend } from "../remote/backend.ts";
import { answering, cpuUsOf, freePort, startProgram } from "../remote/program.ts";

let cpuUs = () => 0;

export const server: HttpServer = {
  checks: true,
  async serve() {
    const port = await freePort();
    const child = startProgram(process.env.BENCH_GRPC_GATEWAY as string, [
      `127.0.0.1:${port}`,
      `127.0.0.1:${await startBackend()}`,
    ]);
    cpuUs = () => cpuUsOf(child);
    await answering(port);
    return port;
  },
  cpuUs: () => cpuUs(),
};
