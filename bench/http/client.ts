// Puts HTTP load on one server: `client.js <name>`. Started by compare.ts.
import { answer } from "../child.ts";
import type { ClientAnswers } from "../compare.ts";
import type { Connection } from "./connection.ts";
import { load, open, verify } from "./load.ts";
import { requests } from "./requests.ts";
import { type ServerName, servers } from "./servers.ts";

let connections: Connection[];

answer({
  async connect(port) {
    const { server } = await servers[process.argv[2] as ServerName]();
    connections = open(port);
    await verify(connections[0] as Connection, server.checks);
  },
  run: ({ workload, ms }) => load(connections, requests[workload as keyof typeof requests], ms),
} satisfies ClientAnswers);
