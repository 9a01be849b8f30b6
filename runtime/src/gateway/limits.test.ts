import { request } from "node:http";
import { expect, test } from "vitest";
import { overHttp } from "../../test/over-http.ts";
import type { MethodPolicy } from "../policies/index.ts";

const open = { access: "PUBLIC", providers: [], scopes: [], audiences: [] } as const;
const atMost = (requestBytes: number): MethodPolicy => ({ auth: open, limits: { requestBytes } });
const dish = (bytes: number) => JSON.stringify({ name: "x".repeat(bytes - '{"name":""}'.length) });

test("a body larger than the method's limit is 413, by its Content-Length and while it is read", async () => {
  const { post, port } = await overHttp({}, { policy: { createDish: atMost(100) } });
  expect((await post("/v1/dishes", dish(100))).status).toBe(200);
  const refused = await post("/v1/dishes", dish(101));
  expect(refused.status).toBe(413);
  expect(await refused.json()).toMatchObject({ code: 8 });

  const status = await new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "transfer-encoding": "chunked" };
    const req = request({ port, host: "127.0.0.1", method: "POST", path: "/v1/dishes", headers }, (res) => {
      res.resume();
      resolve(res.statusCode);
    });
    req.on("error", reject);
    req.write(dish(101));
    // No end: the answer must not wait for one.
  });
  expect(status).toBe(413);
});

test("a limit above the gateway's own holds for that method alone", async () => {
  const { post } = await overHttp({}, { policy: { createDish: atMost(1000) }, gateway: { maxRequestBytes: 50 } });
  expect((await post("/v1/dishes", dish(900))).status).toBe(200);
  expect((await post("/v1/dishes", dish(1001))).status).toBe(413);
});
