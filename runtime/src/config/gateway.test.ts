import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { folderWith } from "../../test/config/files.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { start } from "../../test/serving.ts";
import { loadConfig } from "./load.ts";

const load = async (text: string, name = "mesh.yaml") => {
  const file = join(folderWith({ [name]: text }), name);
  const config = await loadConfig({ file, args: [], env: {}, watch: false });
  onTestFinished(config.close);
  return config;
};

test("what the file says of CORS, proxies, slashes and compositions holds, and services go where it says", async () => {
  const backend = await start({ grpc: 0 });
  const config = await load(`
server: { http: "127.0.0.1:0" }
targets:
  - { name: kitchen, address: "127.0.0.1:${backend.grpc?.port}" }
gateway:
  services:
    - { service: "test.kitchen.*", target: kitchen, prefix: /k }
    - { service: test.kitchen.v1.Kitchen, target: kitchen, host: kitchen.example }
  cors: { origins: ["https://shop.example.com"], maxAge: 60s, credentials: true }
  trustedProxies: [loopback]
  trailingSlash: redirect
  compose:
    - get: /page/{id}
      parts:
        dish: { method: test.kitchen.v1.Kitchen/GetDish, request: { id: "{id}" } }
        other:
          method: test.kitchen.v1.Kitchen/GetDish
          request: { id: 7, name: "{query.name}" }
          optional: true
          default: { name: none }
`);
  const { http } = await start({ ...config.serve, forward: config.forward([Kitchen]) });
  const url = http?.url ?? "";
  const get = (path: string, headers = {}) => fetch(url + path, { headers, redirect: "manual" });
  expect(await (await get("/k/v1/dishes/1")).json()).toMatchObject({ id: "1" });
  expect((await get("/v1/dishes/1")).status).toBe(404);
  expect((await get("/v1/dishes/1", { "x-forwarded-host": "kitchen.example" })).status).toBe(200);
  const slash = await get("/k/v1/dishes/1/?a=b", { origin: "https://shop.example.com" });
  expect([slash.status, slash.headers.get("location")]).toEqual([308, "/k/v1/dishes/1?a=b"]);
  expect(slash.headers.get("access-control-allow-credentials")).toBe("true");
  expect(await (await get("/page/3?name=x")).json()).toMatchObject({
    dish: { id: "3" },
    other: { id: "7", name: "x" },
  });
});

test("without a list, the only target gets every service", async () => {
  const config = await load("targets: [{ name: a, address: 'localhost:1' }]");
  expect(config.forward([Kitchen])).toMatchObject([{ spec: Kitchen, target: { name: "localhost:1" } }]);
});

test.each([
  ["gateway: { cors: {} }", /mesh\.yaml:1: gateway\.cors\.origins: is missing/],
  ["gateway: { cors: { origins: [a], maxAge: 1.5s } }", /maxAge: is no number of whole seconds/],
  ["gateway: { trailingSlash: cut }", /gateway\.trailingSlash: is none of "ignore", "strict", "redirect"/],
  ["gateway: { forwardedHeader: via }", /forwardedHeader: is none of/],
  ["gateway: { trustedProxy: [] }", /unknown key "trustedProxy", did you mean trustedProxies/],
  [
    "gateway: { services: [{ service: '*', target: b }] }",
    /mesh\.yaml:1: gateway\.services\[0\]\.target: no target is named "b"/,
  ],
  ["gateway: { services: [{ service: 'a b', target: b }] }", /services\[0\]\.service: is "a b"/],
  ["gateway: { compose: [{ parts: {} }] }", /compose\[0\]\.get: is missing/],
  ["gateway: { compose: [{ get: /a, parts: [] }] }", /compose\[0\]\.parts: is a list, it must be an object/],
  ["gateway: { compose: [{ get: /a, parts: { b: { method: c, request: [] } } }] }", /parts\.b\.request: is a list/],
  [
    "gateway: { compose: [{ get: /a, parts: { b: { metod: c } } }] }",
    /parts\.b: unknown key "metod", did you mean method/,
  ],
])("refuses %s", async (text, error) => {
  await expect(load(text)).rejects.toThrow(error);
});

test.each([
  ["{}", /gateway\.services: is missing, and there is no target/],
  ["targets: [{ name: a, address: x }, { name: b, address: y }]", /say which services go to which of the targets a, b/],
  [
    "targets: [{ name: a, address: x }]\ngateway: { services: [{ service: test.kitchen.v1.Kitchn, target: a }] }",
    /mesh\.yaml:2: gateway\.services\[0\]\.service: there is no service test\.kitchen\.v1\.Kitchn, did you mean test\.kitchen\.v1\.Kitchen\?/,
  ],
])("says what is missing in %s", async (text, error) => {
  const config = await load(text);
  expect(() => config.forward([Kitchen])).toThrow(error);
});

test("a composition that does not fit is found out at the start, by file, line and key", async () => {
  const config = await load(`
gateway:
  compose:
    - get: /page
      parts: { dish: { method: test.kitchen.v1.Kitchen/GetDish, request: { idd: 1 } } }
`);
  await expect(start({ ...config.serve, http: 0 })).rejects.toThrow(
    /mesh\.yaml:4: gateway\.compose\[0\]\.parts\.dish\.request: test\.kitchen\.v1\.GetDishRequest: unknown key "idd", did you mean id/,
  );
});
