import { createHash } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import type { MethodSpec, ServiceSpec } from "../core/spec.ts";
import { apiKeys } from "../policies/auth/api-keys.ts";
import { implement } from "../server.ts";
import { type RunningServer, serve } from "./serve.ts";

let server: RunningServer | undefined;
afterEach(() => server?.stop());

/** The kitchen, for known callers only. */
const auth = { access: "AUTHENTICATED", providers: [], scopes: [], audiences: [] };
const guarded: ServiceSpec<Kitchen> = {
  ...Kitchen,
  methods: Object.fromEntries(
    Object.entries(Kitchen.methods).map(([key, method]): [string, MethodSpec] => [
      key,
      { ...method, policy: { auth } },
    ]),
  ),
};
const cook = new Proxy({} as Kitchen, { get: () => async () => Dish.create({ name: "soup" }) });

test("a header that a provider reads reaches it over HTTP without being listed", async () => {
  const sha256 = createHash("sha256").update("long random key").digest("hex");
  const keys = apiKeys({ header: "X-Kitchen-Key", keys: [{ sha256, subject: "waiter" }] });
  server = await serve({
    services: [implement(guarded, cook)],
    http: "127.0.0.1:0",
    auth: { providers: { keys } },
    signals: false,
  });
  const get = (headers: Record<string, string>) => fetch(`${server?.http?.url}/v1/dishes/1`, { headers });

  expect((await get({ "x-kitchen-key": "long random key" })).status).toBe(200);
  expect((await get({ "x-kitchen-key": "a guess" })).status).toBe(401);
  expect((await get({})).status).toBe(401);
});
