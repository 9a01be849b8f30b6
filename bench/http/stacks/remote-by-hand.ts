// The usual gateway by hand: node:http in front, a grpc-js client behind, every field moved by its name. It checks little.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Order_State } from "../../gen/mesh/bench/v1/bench.ts";
import type { Peer } from "../../rpc/peer.ts";
import { stack } from "../../rpc/stacks/raw.ts";
import type { order, tiny } from "../../samples.ts";
import type { HttpServer } from "../contender.ts";
import { startBackend } from "../remote/backend.ts";
import type { orderJson } from "../requests.ts";
import { portOf } from "./port.ts";

type OrderJson = typeof orderJson;
type OrderMessage = Omit<typeof order, "state"> & { readonly state: number };

const prefix = "/v1/tiny/";

const fromJson = (json: OrderJson) => ({
  ...json,
  state: Order_State[json.state as keyof typeof Order_State],
  createdAt: new Date(json.createdAt),
  items: json.items.map((item) => ({ ...item, price: { ...item.price, cents: BigInt(item.price.cents) } })),
  total: { ...json.total, cents: BigInt(json.total.cents) },
});

const stateNames = new Map<number, string>(
  Object.entries(Order_State).map(([name, number]) => [number as number, name]),
);

const tinyJson = ({ text, number }: typeof tiny) => ({ text, number });
const moneyJson = ({ currency, cents }: OrderMessage["total"]) => ({ currency, cents: String(cents) });
const addressJson = ({ name, lines, postalCode, country }: OrderMessage["shipTo"]) => ({
  name,
  lines,
  postalCode,
  country,
});

const toJson = (message: OrderMessage) => ({
  id: message.id,
  state: stateNames.get(message.state),
  createdAt: message.createdAt.toISOString(),
  customer: message.customer,
  shipTo: addressJson(message.shipTo),
  billTo: addressJson(message.billTo),
  items: message.items.map(({ sku, title, quantity, price, tags }) => ({
    ...{ sku, title, quantity, tags },
    price: moneyJson(price),
  })),
  labels: message.labels,
  gift: message.gift,
  weightKg: message.weightKg,
  total: moneyJson(message.total),
});

function handle(peer: Peer, request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? "";
  if (request.method === "GET" && url.startsWith(prefix)) {
    const query = url.indexOf("?");
    const number = Number(new URLSearchParams(url.slice(query)).get("number"));
    peer.echo({ text: decodeURIComponent(url.slice(prefix.length, query)), number }, (error, reply) =>
      error === undefined ? answer(response, 200, tinyJson(reply as typeof tiny)) : answer(response, 500, {}),
    );
  } else {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () =>
      peer.putOrder(fromJson(JSON.parse(Buffer.concat(chunks).toString()) as OrderJson), (error, reply) =>
        error === undefined ? answer(response, 200, toJson(reply as OrderMessage)) : answer(response, 500, {}),
      ),
    );
  }
}

function answer(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

export const server: HttpServer = {
  checks: false,
  async serve() {
    const peer = await stack.connect(await startBackend());
    return portOf(createServer((request, response) => handle(peer, request, response)).listen(0, "127.0.0.1"));
  },
};
