import type { Done } from "../slice.ts";

/**
 * One stack's client as the load generator drives it. Callbacks and not promises, so that raw grpc-js is measured
 * as one writes it; the other stacks add the one `then` that an `await` would cost.
 */
export interface Peer {
  /** The stack's own message objects of `samples.ts`. */
  readonly tiny: object;
  readonly order: object;
  echo(request: object, done: Done): void;
  putOrder(request: object, done: Done): void;
  /** Reads a feed of so many messages to its end. */
  feed(count: number, onMessage: (message: unknown) => void, done: Done): void;
  /** Makes the call that this stack must refuse, when it has a policy that refuses one. */
  readonly refused?: () => Promise<unknown>;
}

/** A stack under comparison. */
export interface Stack {
  /** Serves on a free port of the loopback and returns the port. */
  serve(): Promise<number>;
  connect(port: number): Peer | Promise<Peer>;
}

/** A promise's end as a `Done`. */
export function settle(reply: Promise<unknown>, done: Done): void {
  reply.then((value) => done(undefined, value), done);
}

/** Reads a stream to its end. */
export async function drain(stream: AsyncIterable<unknown>, onMessage: (message: unknown) => void): Promise<void> {
  for await (const message of stream) onMessage(message);
}
