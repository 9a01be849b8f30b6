import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { bundle } from "../../test/bundle.ts";
import { overRest } from "../../test/keeper.ts";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const there = existsSync(executablePath);
if (!there) {
  const text = `no Chromium at ${executablePath}: the REST client is not tried in a browser; install it or set CHROMIUM`;
  if (process.env.CI === "true") throw new Error(text);
  console.warn(text);
}

let browser: Browser;
let code: string;

beforeAll(async () => {
  if (!there) return;
  const source = `
    import { createDepotRestClient } from "./depot/depot_rest.ts";
    import { createKitchenRestClient } from "./kitchen/kitchen_rest.ts";
    import { RestError } from "@protomesh/runtime/rest";
    Object.assign(globalThis, { createDepotRestClient, createKitchenRestClient, RestError });
  `;
  [{ code }, browser] = await Promise.all([
    bundle(source),
    chromium.launch({ executablePath, args: ["--no-sandbox"], headless: true }),
  ]);
}, 60_000);

afterAll(() => browser?.close());

/** A page of another server, whose clients call a gateway on the page's own origin. */
async function page(changes: Parameters<typeof overRest>[0] = {}): Promise<{ page: Page; errors: string[] }> {
  const { gateway } = await overRest(changes);
  const server = createServer((req, res) => {
    if (req.url === "/")
      return res.setHeader("content-type", "text/html").end('<script type="module" src="/app.js"></script>');
    if (req.url === "/app.js") return res.setHeader("content-type", "text/javascript").end(code);
    return gateway(req, res);
  }).on("upgrade", gateway.upgrade);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const opened = await browser.newPage();
  onTestFinished(async () => {
    await opened.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const errors: string[] = [];
  opened.on("pageerror", (error) => void errors.push(String(error)));
  await opened.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await opened.waitForFunction("globalThis.createDepotRestClient");
  return { page: opened, errors };
}

test.runIf(there)("a page calls a method, and reads a failure", async () => {
  const { page: opened, errors } = await page();
  const result = await opened.evaluate(`(async () => {
    const depot = createDepotRestClient();
    const parcel = await depot.find({ name: "depots/a b/parcels/ä", id: 0n, parts: [], states: [], labels: {} });
    const failed = await createKitchenRestClient({ baseUrl: location.origin }).mirror({
      nesteds: [{}], numbers: [1n << 64n],
    }).catch((error) => [error instanceof RestError, error.code, error.text]);
    return [parcel.name, typeof parcel.weightGrams, failed];
  })()`);
  expect(result).toEqual([
    "depots/a b/parcels/ä",
    "bigint",
    [true, "INVALID_ARGUMENT", expect.stringContaining("numbers: does not fit")],
  ]);
  expect(errors).toEqual([]);
});

test.runIf(there)("a page reads a stream while it goes on, and leaves it", async () => {
  const { page: opened } = await page();
  const result = await opened.evaluate(`(async () => {
    const depot = createDepotRestClient();
    const names = [];
    for await (const { name } of depot.follow({ depot: "d", count: 1000000, failAfter: 0 })) {
      names.push(name);
      if (names.length === 3) break;
    }
    const failed = [];
    try {
      for await (const { name } of depot.follow({ depot: "d", count: 5, failAfter: 1 })) failed.push(name);
    } catch (error) { failed.push(error.code); }
    return [names, failed];
  })()`);
  expect(result).toEqual([
    ["parcel 1", "parcel 2", "parcel 3"],
    ["parcel 1", "ABORTED"],
  ]);
});

test.runIf(there)("a page talks over a WebSocket, and streams requests over one", async () => {
  const { page: opened } = await page();
  const result = await opened.evaluate(`(async () => {
    const parcel = (depot, name) => ({ depot, name, weightGrams: 0n, state: 0, parts: [], shelves: new Map(), seals: new Map(), error: "", oddName: "" });
    async function* parcels() { yield parcel("north", "one"); yield parcel("", "two"); }
    const depot = createDepotRestClient({ clientStreams: "websocket" });
    const names = [];
    for await (const { name } of depot.talk(parcels())) names.push(name);
    return [names, await depot.store(parcels())];
  })()`);
  expect(result).toEqual([["one", "two"], { count: 2, depot: "north" }]);
});

test.runIf(there)("a stream of requests as a body fails over HTTP/1.1, and says what to do", async () => {
  const { page: opened } = await page();
  const result = await opened.evaluate(`(async () => {
    async function* parcels() { yield { depot: "d" }; }
    return createDepotRestClient().store(parcels()).catch((error) => [error.code, error.text]);
  })()`);
  expect(result).toEqual(["UNAVAILABLE", expect.stringContaining('set clientStreams: "websocket"')]);
});
