// Serves HTTP with one stack: `server.js <name>`. Started by compare.ts.
import { answer, cpuUs } from "../child.ts";
import type { ServerAnswers } from "../compare.ts";
import { type ServerName, servers } from "./servers.ts";

let measured = cpuUs;

answer({
  async serve() {
    const { server } = await servers[process.argv[2] as ServerName]();
    const port = await server.serve();
    if (server.cpuUs) measured = server.cpuUs;
    return port;
  },
  cpuUs: () => measured(),
} satisfies ServerAnswers);
