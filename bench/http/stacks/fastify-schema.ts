// fastify with handlers and JSON schemas written by hand, for what comes in and for what goes out: what one writes to
// get the checks and the field filter that a gateway has from the proto file.
import fastify from "fastify";
import type { HttpServer } from "../contender.ts";

const text = { type: "string" } as const;
const int32 = { type: "integer", minimum: -(2 ** 31), maximum: 2 ** 31 - 1 } as const;
const int64 = { type: "string", pattern: "^-?(0|[1-9][0-9]{0,18})$" } as const;
const list = <Items extends object>(items: Items) => ({ type: "array", items }) as const;
const record = <Properties extends object>(properties: Properties) =>
  ({ type: "object", properties, additionalProperties: false }) as const;

const money = record({ currency: text, cents: int64 });
const address = record({ name: text, lines: list(text), postalCode: text, country: text });
const order = record({
  id: text,
  state: { type: "string", enum: ["STATE_UNSPECIFIED", "STATE_OPEN", "STATE_SHIPPED"] },
  createdAt: { type: "string", format: "date-time" },
  customer: text,
  shipTo: address,
  billTo: address,
  items: list(record({ sku: text, title: text, quantity: int32, price: money, tags: list(text) })),
  labels: { type: "object", additionalProperties: text },
  gift: { type: "boolean" },
  weightKg: { type: "number" },
  total: money,
});

async function serve(): Promise<number> {
  // fastify would make a boolean of the text "false" and drop unknown fields; ProtoJSON refuses both.
  const app = fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } });
  app.get<{ Params: { text: string }; Querystring: { number: string } }>(
    "/v1/tiny/:text",
    {
      schema: {
        params: record({ text }),
        querystring: record({ number: { type: "string", pattern: "^-?[0-9]{1,10}$" } }),
        response: { 200: record({ text, number: int32 }) },
      },
    },
    async (request) => ({ text: request.params.text, number: Number(request.query.number) }),
  );
  app.post("/v1/orders", { schema: { body: order, response: { 200: order } } }, async (request) => request.body);
  return Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);
}

export const server: HttpServer = { checks: true, serve };
