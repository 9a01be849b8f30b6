import { onTestFinished } from "vitest";
import type { CallContext } from "../src/core/context.ts";
import type { Target } from "../src/core/target.ts";
import { type ConnectOptions, connect } from "../src/grpc/connect.ts";
import { type GrpcListenOptions, type GrpcServer, listenGrpc } from "../src/grpc/server.ts";
import { implement, serverHandlers } from "../src/server.ts";
import { Timestamp } from "./google/protobuf/timestamp.ts";
import { Dish } from "./kitchen/kitchen.ts";
import { createKitchenClient, Kitchen } from "./kitchen/kitchen_mesh.ts";

/** A kitchen whose methods a test may replace. */
export type KitchenMethods = {
  readonly [K in keyof Kitchen]: (
    request: Parameters<Kitchen[K]>[0],
    context: CallContext,
  ) => ReturnType<Kitchen[K]> | Awaited<ReturnType<Kitchen[K]>>;
};

export const cook: KitchenMethods = {
  async getDish({ name, id }) {
    return Dish.create({ name, id });
  },
  async createDish({ dish }) {
    return dish ?? Dish.create();
  },
  async updateDish({ dish }) {
    return dish ?? Dish.create();
  },
  async *watchDishes({ count }) {
    for (let id = 1n; id <= BigInt(count); id++) yield Dish.create({ id });
  },
  async uploadDishes(dishes) {
    let count = 0;
    for await (const _ of dishes) count += 1;
    return { count };
  },
  async *chat(notes) {
    yield* notes;
  },
  async ping() {
    return Timestamp.create();
  },
  async mirror(request) {
    return request;
  },
};

/** What a test may choose. */
export interface OverGrpc {
  readonly listen?: Partial<GrpcListenOptions>;
  readonly connect?: ConnectOptions;
  /** Leave the end to the test. Default: the test fails unless every call and connection is gone after it. */
  readonly keep?: boolean;
}

/** A kitchen behind a socket, and a client of it. */
export async function overGrpc(
  changes: Partial<KitchenMethods> = {},
  options: OverGrpc = {},
): Promise<{ kitchen: Kitchen; target: Target; server: GrpcServer; errors: unknown[] }> {
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const served = serverHandlers([implement(Kitchen, { ...cook, ...changes } as Kitchen)], { onError });
  const server = await listenGrpc(served, { address: "127.0.0.1:0", onError, ...options.listen });
  const target = connect(`127.0.0.1:${server.port}`, options.connect);
  if (!options.keep) {
    onTestFinished(async () => {
      await target.close();
      await server.drain();
    });
  }
  return { kitchen: createKitchenClient(target), target, server, errors };
}

/** Everything a stream yields. */
export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** A promise that a test settles. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}
