// The generated client and server without a policy: PUBLIC says that nobody needs to be known.
import { implement } from "@protomesh/runtime";
import { Bench, createBenchClient } from "../../gen/mesh/bench/v1/bench_mesh.ts";
import { implementation } from "../../implementation.ts";
import type { Stack } from "../peer.ts";
import { clientPeer, serveGrpc, to } from "./mesh-peer.ts";

export const stack: Stack = {
  serve: () => serveGrpc([implement(Bench, implementation)]),
  connect: (port) => clientPeer(createBenchClient(to(port))),
};
