// The generated client and server with a full policy: timeout, retry and credentials on the client; timeout, auth by
// JWT and a rate limit per caller on the server.
import { implement, jwt } from "@protomesh/runtime";
import { createGuardedBenchClient, GuardedBench } from "../../gen/mesh/bench/v1/bench_mesh.ts";
import { implementation } from "../../implementation.ts";
import { issuer, secret, token } from "../../token.ts";
import type { Stack } from "../peer.ts";
import { clientPeer, serveGrpc, to } from "./mesh-peer.ts";

export const stack: Stack = {
  serve: () =>
    serveGrpc([implement(GuardedBench, implementation)], { jwt: jwt({ issuer, audiences: ["bench"], secret }) }),
  async connect(port) {
    const target = to(port);
    const known = createGuardedBenchClient(target, { credentials: await token() });
    const unknown = createGuardedBenchClient(target);
    const peer = clientPeer(known);
    return { ...peer, refused: () => unknown.echo(peer.tiny) };
  },
};
