import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { siteFactory } from "./core/site.ts";
import { type MethodPolicy, policies } from "./policies/index.ts";
import { clientLayers, clientOrder, serverLayers, serverOrder } from "./stack.ts";
import { mount } from "./testing.ts";

const { method } = mount({ name: "none" }, {});
const count = (side: "client" | "server", policy: MethodPolicy) =>
  (side === "client" ? clientLayers : serverLayers)(siteFactory({})({ ...method, policy: { ...policy } })).length;

test("every policy with a layer has a place in the order, and only those", () => {
  for (const [side, order] of [
    ["client", clientOrder],
    ["server", serverOrder],
  ] as const) {
    const placed = new Set(order.map(({ row }) => row.name));
    const layered = Object.values(policies).filter((row) => side in row);
    expect([...placed]).toEqual(expect.arrayContaining(layered.map(({ name }) => name)));
  }
});

test("every place says why", () => {
  for (const { why } of [...clientOrder, ...serverOrder]) expect(why).not.toBe("");
});

test("the orders are what the design says", () => {
  expect(clientOrder.map(({ at }) => at).join(" ")).toBe(
    "timeout fallback cache limits concurrency idempotency retry hedge circuitBreaker attemptTimeout fault auth",
  );
  expect(serverOrder.map(({ at }) => at).join(" ")).toBe(
    "objective timeout concurrency auth rateLimit limits validation authRule fault idempotency cache",
  );
});

test("a policy that is not set has no layer; one that is set has", () => {
  expect(count("client", {})).toBe(0);
  expect(count("client", { timeout: { totalMs: 100 } })).toBe(1);
  expect(count("client", { timeout: { totalMs: 100, attemptMs: 50 } })).toBe(2);
  expect(count("client", { timeout: { reserveMs: 1 } })).toBe(0);
});

test("a method without any policy is served by nobody: the one layer that is there without being set", async () => {
  expect(count("server", {})).toBe(1);
  expect(count("server", { auth: { access: "PUBLIC", providers: [], scopes: [], audiences: [] } })).toBe(0);
  const [deny] = serverLayers(siteFactory({})(method));
  const { seen, send } = mount({ name: "none" }, {});
  await send();
  const handler = deny?.(() => Promise.resolve({}));
  await expect(handler?.(seen[0] as (typeof seen)[0])).rejects.toMatchObject({
    code: "PERMISSION_DENIED",
    refusedBy: "auth",
  });
});

test("docs/layers.md lists the places in their order", () => {
  const page = readFileSync(new URL("../../docs/layers.md", import.meta.url), "utf8");
  const [client = "", server = ""] = [...page.matchAll(/^- On a (?:client|server)[^\n]*(?:\n {2}[^\n]*)*/gm)].map(
    ([item]) => item,
  );
  const listed = (text: string, names: readonly string[]) =>
    [...text.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name).filter((name) => names.includes(name));
  for (const [text, order] of [
    [client, clientOrder],
    [server, serverOrder],
  ] as const) {
    const names = order.map(({ at }) => at);
    expect([...new Set(listed(text, names))]).toEqual(names);
  }
});
