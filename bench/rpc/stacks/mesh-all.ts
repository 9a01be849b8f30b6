// The generated client and server with every policy that can be on together. Each call asks for an answer of the server
// itself: one out of the cache would be no call.
import { implement, jwt } from "@protomesh/runtime";
import type { Tiny } from "../../gen/mesh/bench/v1/bench.ts";
import { AllBench, createAllBenchClient } from "../../gen/mesh/bench/v1/bench_mesh.ts";
import { implementation } from "../../implementation.ts";
import { issuer, secret, token } from "../../token.ts";
import { type Stack, settle } from "../peer.ts";
import { clientPeer, serveGrpc, to } from "./mesh-peer.ts";

export const stack: Stack = {
  serve: () => serveGrpc([implement(AllBench, implementation)], { jwt: jwt({ issuer, audiences: ["bench"], secret }) }),
  async connect(port) {
    const target = to(port);
    const known = createAllBenchClient(target, { credentials: await token() });
    const unknown = createAllBenchClient(target);
    const peer = clientPeer(known);
    const fresh = { cache: false };
    return {
      ...peer,
      echo: (request, done) => settle(known.echo(request as Tiny, fresh), done),
      refused: () => unknown.echo(peer.tiny, fresh),
    };
  },
};
