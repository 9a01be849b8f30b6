import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { Inventory } from "../../../examples/shop/gen/shop/v1/inventory_mesh.js";
import { Orders } from "../../../examples/shop/gen/shop/v1/orders_mesh.js";
import type { MethodSpec } from "../core/spec.ts";
import { loadConfig } from "./load.ts";

test("the overrides that docs/config.md shows fit the services of the example, and do what their comments say", async () => {
  const file = fileURLToPath(new URL("../../test/config/overrides.yaml", import.meta.url));
  const { policies, close } = await loadConfig({ file, args: [], env: {}, watch: false });
  onTestFinished(close);
  policies.bind(Inventory);
  policies.bind(Orders);
  const inForce = (method: MethodSpec | undefined) => policies.methodOf(method as MethodSpec).policy;

  const { getStock, watchStock } = Inventory.methods;
  expect(inForce(getStock)).toMatchObject({
    timeout: { totalMs: 3000, maxMs: 10_000, attemptMs: 500 },
    retry: { attempts: 2, initialMs: 50 },
    circuitBreaker: { minCalls: 50, ratio: 0.5 },
    split: { sticky: "field:item", header: "x-inventory" },
  });
  expect(inForce(watchStock)).toMatchObject({ fault: { abort: { code: "UNAVAILABLE", percent: 10 }, side: "CLIENT" } });
  expect(inForce(Orders.methods.placeOrder)).toMatchObject({ auth: { access: "DENY" }, timeout: { totalMs: 3000 } });
});
