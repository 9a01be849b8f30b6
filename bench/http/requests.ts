import { order, tiny } from "../samples.ts";

/** `samples.ts`'s order as ProtoJSON: 64-bit numbers and times are text, enum values go by name. */
export const orderJson = {
  ...order,
  state: "STATE_OPEN",
  createdAt: order.createdAt.toISOString(),
  items: order.items.map((item) => ({ ...item, price: { ...item.price, cents: String(item.price.cents) } })),
  total: { ...order.total, cents: String(order.total.cents) },
};

/** One request and what must come back. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: object;
  readonly reply: object;
}

/** What a server is asked, by the name that tables use. */
export const requests = {
  "GET, tiny": { method: "GET", path: `/v1/tiny/${tiny.text}?number=${tiny.number}`, reply: tiny },
  "POST, order": { method: "POST", path: "/v1/orders", body: orderJson, reply: orderJson },
} satisfies { readonly [name: string]: HttpRequest };

export type RequestName = keyof typeof requests;

/** Must be refused with 400: the order's `gift` is no boolean. A server without a schema lets it pass. */
export const wrong: HttpRequest = {
  method: "POST",
  path: "/v1/orders",
  body: { ...orderJson, gift: "perhaps" },
  reply: {},
};
