// npm run demo: two services, a gateway, and what their proto files promise, shown by real calls.
// `--serve` keeps everything running afterwards, on the ports that the curl commands of README.md use.
import { parseArgs } from "node:util";
import {
  apiKeys,
  connect,
  findDetail,
  implement,
  inProcess,
  jwt,
  type Metadata,
  policyOf,
  RetryInfo,
  RpcError,
  type RunningServer,
  serve,
  type Target,
} from "@protomesh/runtime";
import { SignJWT } from "jose";
import type { GetStockRequest } from "./gen/shop/v1/inventory.js";
import { createInventoryClient, Inventory } from "./gen/shop/v1/inventory_mesh.js";
import { createOrdersClient, Orders } from "./gen/shop/v1/orders_mesh.js";
import { Shelves } from "./inventory.js";
import { OrderBook } from "./orders.js";
import { chapter, promised, say, shows, tries } from "./story.js";

const usage = `npm run demo [-- --serve] [-- --http-port N] [-- --help]

  --serve        keep the services and the gateway running after the story, until Ctrl-C
  --http-port N  port of the gateway; default: 8080 with --serve, any free one without
`;

/** Signs the demonstration's tokens. A real service gets tokens from an identity provider, and its keys by JWKS. */
const secret = new TextEncoder().encode("a secret of the demonstration, 32 bytes or more");
const login = jwt({ issuer: "https://login.shop.example", audiences: ["shop"], algorithms: ["HS256"], secret });
const token = (scope: string): Promise<string> =>
  new SignJWT({ scope })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("ada")
    .setIssuer("https://login.shop.example")
    .setAudience("shop")
    .setExpirationTime("1h")
    .sign(secret);

interface Shop {
  readonly shelves: Shelves;
  readonly inventoryServer: RunningServer;
  readonly ordersServer: RunningServer;
  readonly inventoryTarget: Target;
  readonly ordersTarget: Target;
  readonly gateway: RunningServer;
}

/** Starts two services on ports of their own, and one gateway in front of both. */
async function open(httpPort: number): Promise<Shop> {
  const shelves = new Shelves();
  const inventoryServer = await serve({
    services: [implement(Inventory, shelves)],
    grpc: "127.0.0.1:0",
    signals: false,
  });
  const inventoryTarget = connect(`127.0.0.1:${inventoryServer.grpc?.port}`);

  const orderBook = new OrderBook(createInventoryClient(inventoryTarget));
  const ordersServer = await serve({
    services: [implement(Orders, orderBook)],
    grpc: "127.0.0.1:0",
    signals: false,
    auth: {
      providers: {
        login,
        // sha256 of "demo-key": the key itself is nowhere in the program.
        partners: apiKeys({
          header: "x-api-key",
          keys: [
            {
              sha256: "c48a01f49fd0f2cc404bc3cbbc80e91457a3d41bb429a695243de4c61794155c",
              subject: "partner",
              scopes: [],
            },
          ],
        }),
      },
    },
  });
  const ordersTarget = connect(`127.0.0.1:${ordersServer.grpc?.port}`);

  const gateway = await serve({
    forward: [
      { spec: Inventory, target: inventoryTarget },
      { spec: Orders, target: ordersTarget },
    ],
    http: { address: httpPort, requestHeaders: ["x-api-key"] },
    gateway: { docs: { document: new URL("gen/openapi.json", import.meta.url) } },
    signals: false,
  });
  return { shelves, inventoryServer, ordersServer, inventoryTarget, ordersTarget, gateway };
}

const shorten = (text: string): string => (text.length > 32 ? `${text.slice(0, 24)}...` : text);

/** Fetches and shows what curl would. */
async function curl(url: string, init: RequestInit = {}): Promise<Response> {
  const method = init.method ? ` -X ${init.method}` : "";
  const headers = Object.entries(init.headers ?? {}).map(([name, value]) => ` -H '${name}: ${shorten(String(value))}'`);
  tries(`curl${method}${headers.join("")}${init.body ? ` -d '${init.body}'` : ""} ${url}`);
  const response = await fetch(url, init);
  const body = await response.clone().text();
  shows(`${response.status} ${body}`);
  return response;
}

async function failure(call: Promise<unknown>): Promise<RpcError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
  throw new Error("not as promised: the call succeeded");
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether the price is a substitute, when the cached one is too old. */
async function standsIn(inventory: Inventory, request: GetStockRequest): Promise<boolean> {
  await pause(60);
  let mark: string | undefined;
  const onTrailers = (trailers: Metadata) => {
    mark = trailers.get("x-mesh-fallback");
  };
  const { cents } = await inventory.getPrice(request, { onTrailers });
  if (cents !== 250n) throw new Error(`not as promised: the price is ${cents}`);
  return mark === "stale";
}

async function tell(shop: Shop): Promise<void> {
  const { shelves, inventoryTarget, ordersTarget } = shop;
  const url = shop.gateway.http?.url;
  const inventory = createInventoryClient(inventoryTarget);
  const orders = createOrdersClient(ordersTarget);

  chapter("A typed call over gRPC", "rpc GetStock(GetStockRequest) returns (Stock)");
  tries('await inventory.getStock({ item: "tea" })');
  const stock = await inventory.getStock({ item: "tea" });
  shows(`${stock.count} ${stock.item}`);
  promised(stock.count === 12, "the reply is a typed message");

  chapter("The same method by REST", 'option (google.api.http) = { get: "/v1/stock/{item}" }');
  const same = await curl(`${url}/v1/stock/tea`);
  promised(((await same.json()) as { count: number }).count === stock.count, "one implementation, two doors");
  promised(
    (await curl(`${url}/v1/stock/gold`)).status === 404,
    "a gRPC NOT_FOUND is a 404 with a google.rpc.Status body",
  );
  const page = await fetch(`${url}/docs`);
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: object };
  promised(page.status === 200 && "/v1/stock/{item}" in document.paths, `a page shows all routes: ${url}/docs`);

  chapter("A flaky backend heals by retry", 'retry: { attempts: 3 on: [UNAVAILABLE] initial: "50ms" }');
  shelves.failures = 2;
  shelves.seen.length = 0;
  tries("await inventory.getStock(...), while the warehouse fails twice");
  const healed = await inventory.getStock({ item: "coffee" });
  shows(`the backend saw: ${shelves.seen.join(", ")}`);
  promised(healed.count === 3 && shelves.seen.length === 3, "three attempts, one answer, no code");
  shelves.failures = 2;
  const once = await failure(inventory.getStock({ item: "coffee" }, { retry: false }));
  promised(once.code === "UNAVAILABLE", "a caller can ask for a single attempt");
  shelves.failures = 0;

  chapter(
    "A backend that is down is left alone",
    'circuit_breaker: { min_calls: 5 open: "1s" } fallback: { stale: true }',
  );
  const tea = { item: "tea" };
  await inventory.getPrice(tea);
  shelves.failures = Number.POSITIVE_INFINITY;
  shelves.seen.length = 0;
  tries("inventory.getPrice(...) ten times, while the warehouse is down");
  let marked = 0;
  for (let n = 0; n < 10; n++) if (await standsIn(inventory, tea)) marked += 1;
  shows(`${marked} answers were marked x-mesh-fallback: stale; the backend saw ${shelves.seen.length} calls`);
  promised(
    marked === 10 && shelves.seen.length < 10,
    "the last good price stands in, and an open breaker spares the backend",
  );
  shelves.failures = 0;
  for (let tick = 0; (await standsIn(inventory, tea)) && tick < 50; tick++);
  promised(!(await standsIn(inventory, tea)), "when it is back, probes find out, and answers are its own again");

  chapter("A deadline travels with the call", 'timeout: { total: "1s" reserve: "20ms" }');
  shelves.seen.length = 0;
  const bearer = `Bearer ${await token("orders.write")}`;
  tries('orders.placeOrder({ item: "slow boat" }, { timeoutMs: 400 }), and Orders asks Inventory');
  const late = await failure(
    orders.placeOrder({ item: "slow boat", count: 1 }, { timeoutMs: 400, metadata: { authorization: bearer } }),
  );
  for (let tick = 0; shelves.seen.length < 2 && tick < 200; tick++) await pause(10);
  shows(`the caller got: ${late.message}`);
  shows(`Inventory saw: ${shelves.seen.join(", then ")}`);
  const left = Number(/(\d+) ms left/.exec(shelves.seen[0] ?? "")?.[1]);
  promised(
    late.code === "DEADLINE_EXCEEDED" && left <= 380,
    "the second service got what was left of 400 ms, less the reserve",
  );
  promised(shelves.seen.length === 2, "and stopped working when nobody waited any more");

  chapter("A rate limit, by address", 'rate_limit: { name: "quotes" rate: "2/s" burst: 3 by: "peer" }');
  const statuses: number[] = [];
  let refused: Response | undefined;
  for (let i = 0; i < 4; i++) {
    const response = await curl(`${url}/v1/quotes/tea?count=2`);
    statuses.push(response.status);
    refused = response;
  }
  shows(`Retry-After: ${refused?.headers.get("retry-after")} s`);
  promised(
    statuses.join() === "200,200,200,429",
    "the burst passes, the next call is refused with 429 and Retry-After",
  );
  const quota = await failure(orders.getQuote({ item: "tea", count: 1 }));
  promised(findDetail(quota, RetryInfo) !== undefined, "gRPC callers get RESOURCE_EXHAUSTED with google.rpc.RetryInfo");
  await pause(600);
  promised((await curl(`${url}/v1/quotes/tea`)).status === 200, "half a second later there is room for one more");

  chapter("Who may call", 'auth: { access: AUTHENTICATED scopes: ["orders.write"] }');
  const order = { method: "POST", body: JSON.stringify({ item: "tea", count: 2 }) };
  const json = { "content-type": "application/json" };
  promised((await curl(`${url}/v1/orders`, { ...order, headers: json })).status === 401, "no token: 401");
  const reader = { ...json, authorization: `Bearer ${await token("orders.read")}` };
  promised(
    (await curl(`${url}/v1/orders`, { ...order, headers: reader })).status === 403,
    "a token without the scope: 403",
  );
  const writer = { ...json, authorization: bearer };
  promised((await curl(`${url}/v1/orders`, { ...order, headers: writer })).status === 200, "a token with it: 200");

  chapter(
    "A local object in place of a remote client",
    "interface Inventory { getStock(request, options?): Promise<Stock>; ... }",
  );
  const local = createInventoryClient(inProcess(implement(Inventory, new Shelves())));
  for (const [where, one] of [["remote", inventory] as const, ["local", local] as const]) {
    const book = inProcess(implement(Orders, new OrderBook(one)), { auth: { providers: { login } } });
    const placed = await createOrdersClient(book).placeOrder(
      { item: "tea", count: 1 },
      { metadata: { authorization: bearer } },
    );
    shows(`new OrderBook(${where}): order ${placed.id} for ${placed.customer}`);
    promised(placed.customer === "ada", `the same class works with the ${where} one, policy included`);
  }
  const { getStock } = policyOf(inventory);
  shows(`policyOf(inventory).getStock = ${JSON.stringify(getStock)}`);
}

async function close(shop: Shop): Promise<void> {
  chapter(
    "A clean shutdown",
    "health NOT_SERVING, calls finish, streams end with UNAVAILABLE, a limit forces the rest",
  );
  const inventory = createInventoryClient(shop.inventoryTarget);
  const watch = inventory.watchStock({ item: "tea" })[Symbol.asyncIterator]();
  const { value: first } = await watch.next();
  shows(`a stream is open, its first message is: ${first?.count} ${first?.item}`);
  const ended = failure(watch.next());
  await shop.gateway.stop();
  await shop.ordersServer.stop();
  await shop.inventoryServer.stop();
  promised((await ended).code === "UNAVAILABLE", "the open stream ended with UNAVAILABLE");
  await shop.inventoryTarget.close();
  await shop.ordersTarget.close();
  promised(true, "every listener is closed");
}

const { values } = parseArgs({
  options: {
    serve: { type: "boolean", default: false },
    "http-port": { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  say(usage);
} else {
  const shop = await open(Number(values["http-port"] ?? (values.serve ? 8080 : 0)));
  say("Protomesh: what the proto files of examples/shop promise, shown by real calls on loopback.");
  say(
    `Inventory on gRPC port ${shop.inventoryServer.grpc?.port}, Orders on ${shop.ordersServer.grpc?.port}, gateway on ${shop.gateway.http?.url}`,
  );
  await tell(shop);
  if (values.serve) {
    say(
      `\nServing on ${shop.gateway.http?.url} until Ctrl-C; what it serves is shown at ${shop.gateway.http?.url}/docs. A token with the scope orders.write, good for an hour:\n${await token("orders.write")}`,
    );
    await new Promise<void>((resolve) => {
      process.once("SIGINT", resolve);
      process.once("SIGTERM", resolve);
    });
  }
  await close(shop);
  say("\nAll as promised.");
}
