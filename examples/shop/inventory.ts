import { type CallContext, RpcError } from "@protomesh/runtime";
import type { GetStockRequest, Price, ReserveRequest, Stock } from "./gen/shop/v1/inventory.js";
import type { Inventory } from "./gen/shop/v1/inventory_mesh.js";

/** Knows what is on the shelves. No retry, no deadline, no limit: inventory.proto has them. */
export class Shelves implements Inventory {
  readonly #counts = new Map([
    ["tea", 12],
    ["coffee", 3],
  ]);
  /** How many calls fail before one succeeds, for the demonstration. */
  failures = 0;
  /** What reached this service, for the demonstration. */
  readonly seen: string[] = [];

  async getStock({ item }: GetStockRequest, context: CallContext): Promise<Stock> {
    this.seen.push(`attempt ${context.attempt}`);
    if (this.failures > 0) {
      this.failures--;
      throw new RpcError("UNAVAILABLE", "the warehouse restarts");
    }
    return { item, count: this.#count(item) };
  }

  async getPrice({ item }: GetStockRequest): Promise<Price> {
    this.seen.push(`price of ${item}`);
    if (this.failures > 0) throw new RpcError("UNAVAILABLE", "the warehouse is down");
    return { item, cents: 250n };
  }

  async reserve({ item, count }: ReserveRequest, context: CallContext): Promise<Stock> {
    const left = Math.round(context.deadline - performance.now());
    this.seen.push(`reserve ${item}: ${left} ms left`);
    if (item === "slow boat") await this.#wait(context.signal);
    const stock = this.#count(item) - count;
    if (stock < 0) throw new RpcError("FAILED_PRECONDITION", `only ${this.#count(item)} ${item} left`);
    this.#counts.set(item, stock);
    return { item, count: stock };
  }

  async *watchStock({ item }: GetStockRequest, context: CallContext): AsyncIterable<Stock> {
    yield { item, count: this.#count(item) };
    await this.#wait(context.signal);
  }

  #count(item: string): number {
    const count = this.#counts.get(item);
    if (count === undefined) throw new RpcError("NOT_FOUND", `no shelf for ${JSON.stringify(item)}`);
    return count;
  }

  /** Waits until nobody waits for the answer any more. */
  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        this.seen.push(`stopped: ${(signal.reason as RpcError).code}`);
        reject(signal.reason);
      });
    });
  }
}
