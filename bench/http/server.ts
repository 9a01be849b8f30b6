// Serves HTTP with one stack: `server.js <name>`. Started by compare.ts.
import { answer, cpuUs } from "../child.ts";
import type { ServerAnswers } from "../compare.ts";
import { type ServerName, servers } from "./servers.ts";

answer({
  serve: async () => (await servers[process.argv[2] as ServerName]()).server.serve(),
  cpuUs,
} satisfies ServerAnswers);
