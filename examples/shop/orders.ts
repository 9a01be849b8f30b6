import { type CallContext, RpcError } from "@protomesh/runtime";
import type { Inventory } from "./gen/shop/v1/inventory_mesh.js";
import type { GetOrderRequest, GetQuoteRequest, Order, PlaceOrderRequest, Quote } from "./gen/shop/v1/orders.js";
import type { Orders } from "./gen/shop/v1/orders_mesh.js";

/** Takes orders. `inventory` may be an object in this process or a client of another one: the type is the same. */
export class OrderBook implements Orders {
  readonly #orders = new Map<string, Order>();
  readonly #inventory: Inventory;

  constructor(inventory: Inventory) {
    this.#inventory = inventory;
  }

  async placeOrder({ item, count }: PlaceOrderRequest, context: CallContext): Promise<Order> {
    // Passing the context on gives the next service what is left of the caller's time, and cancels it with the caller.
    await this.#inventory.reserve({ item, count }, context);
    const id = String(this.#orders.size + 1);
    const order = { id, item, count, customer: context.principal?.subject ?? "" };
    this.#orders.set(id, order);
    return order;
  }

  async getOrder({ id }: GetOrderRequest): Promise<Order> {
    const order = this.#orders.get(id);
    if (!order) throw new RpcError("NOT_FOUND", `no order ${JSON.stringify(id)}`);
    return order;
  }

  async getQuote({ item, count }: GetQuoteRequest): Promise<Quote> {
    const pieces = count || 1;
    return { item, count: pieces, cents: BigInt(pieces) * 350n };
  }
}
