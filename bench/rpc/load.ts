import { isDeepStrictEqual } from "node:util";
import { type Done, keepCalling, measured, type Slice } from "../slice.ts";
import type { Peer } from "./peer.ts";

/** What a stack is asked to do, by the name that tables use. The busiest first: it warms all code up for the others. */
export const workloads = {
  "64 in flight, tiny": { unit: "call", run: (peer, ms) => keepCalling((done) => peer.echo(peer.tiny, done), 64, ms) },
  "64 in flight, order": {
    unit: "call",
    run: (peer, ms) => keepCalling((done) => peer.putOrder(peer.order, done), 64, ms),
  },
  "latency, tiny": { unit: "call", run: (peer, ms) => keepCalling((done) => peer.echo(peer.tiny, done), 1, ms) },
  "latency, order": { unit: "call", run: (peer, ms) => keepCalling((done) => peer.putOrder(peer.order, done), 1, ms) },
  "server stream, tiny": { unit: "message", run: keepFeeding },
} satisfies { readonly [name: string]: { unit: string; run: (peer: Peer, ms: number) => Promise<Slice> } };

/** Long enough that opening the stream does not count. */
const feedLength = 2000;

/** Reads one feed after the other until the time is up. */
function keepFeeding(peer: Peer, ms: number): Promise<Slice> {
  return measured(
    ms,
    (until) =>
      new Promise((resolve, reject) => {
        let count = 0;
        const onMessage = () => {
          count++;
        };
        const next: Done = (error) => {
          if (error !== undefined) reject(error);
          else if (performance.now() >= until) resolve(count);
          else peer.feed(feedLength, onMessage, next);
        };
        peer.feed(feedLength, onMessage, next);
      }),
  );
}

/** Fails when the stack answers anything but what it must. */
export async function verify(peer: Peer): Promise<void> {
  for (const [method, request] of [["echo", peer.tiny] as const, ["putOrder", peer.order] as const]) {
    const reply = await ended((done) => peer[method](request, done));
    if (!isDeepStrictEqual(reply, request))
      throw new Error(`${method} answers ${show(reply)}\ninstead of ${show(request)}`);
  }

  const numbers: unknown[] = [];
  const onMessage = (message: unknown) => numbers.push((message as { number: unknown }).number);
  await ended((done) => peer.feed(100, onMessage, done));
  const wanted = Array.from({ length: 100 }, (_, index) => index);
  if (!isDeepStrictEqual(numbers, wanted)) throw new Error(`a feed of 100 brings the numbers ${numbers.join(" ")}`);

  if (peer.refused) {
    const outcome = await peer.refused().then(
      () => "let through",
      (error: { code?: unknown }) => error.code,
    );
    if (outcome !== "UNAUTHENTICATED") throw new Error(`a call without a token is ${outcome}: no policy is in force`);
  }
}

const ended = (call: (done: Done) => void): Promise<unknown> =>
  new Promise((resolve, reject) => call((error, reply) => (error === undefined ? resolve(reply) : reject(error))));

const show = (value: unknown) => JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? `${inner}` : inner));
