import { type AuthProvider, connect, type Implementation, serve, type Target } from "@protomesh/runtime";
import { Order, Tiny } from "../../gen/mesh/bench/v1/bench.ts";
import type { Bench } from "../../gen/mesh/bench/v1/bench_mesh.ts";
import { order, tiny } from "../../samples.ts";
import { drain, type Peer, settle } from "../peer.ts";

/** Serves gRPC on a free port of the loopback and returns the port. */
export async function serveGrpc(
  services: readonly Implementation[],
  providers: { readonly [name: string]: AuthProvider } = {},
): Promise<number> {
  const { grpc } = await serve({ services, grpc: "127.0.0.1:0", auth: { providers } });
  return grpc?.port as number;
}

export const to = (port: number): Target => connect(`127.0.0.1:${port}`);

/** Drives a generated client. */
export function clientPeer(client: Bench): Peer & { readonly tiny: Tiny } {
  return {
    tiny: Tiny.create(tiny),
    order: Order.create(order),
    echo: (request, done) => settle(client.echo(request as Tiny), done),
    putOrder: (request, done) => settle(client.putOrder(request as Order), done),
    feed: (count, onMessage, done) => settle(drain(client.feed({ count }), onMessage), done),
  };
}
