// Puts HTTP load on one server: `client.js <name>`. Started by compare.ts.
import { answer } from "../child.ts";
import type { ClientAnswers } from "../compare.ts";
import { Connection } from "./connection.ts";
import { load, open, verify } from "./load.ts";
import { type HttpRequest, type RequestName, requests, wrong } from "./requests.ts";
import { type ServerName, servers } from "./servers.ts";

let connections: Connection[];
let asked: { readonly [Name in RequestName]: HttpRequest } = requests;

answer({
  async connect(port) {
    const { server } = await servers[process.argv[2] as ServerName]();
    connections = open(port);
    asked = server.requests ?? requests;
    // On a connection of its own: a server may close it after a request that it refuses.
    await verify(new Connection(port), asked, server.checks ? (server.wrong ?? wrong) : undefined);
  },
  run: ({ workload, ms }) => load(connections, asked[workload as RequestName], ms),
} satisfies ClientAnswers);
