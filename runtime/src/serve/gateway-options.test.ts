import { expect, test } from "vitest";
import { start } from "../../test/serving.ts";
import type { RequestRecord } from "../gateway/access.ts";
import { principalOf } from "../gateway/mount.ts";

test("handlers beside the routes share auth, CORS and the access hook of the server", async () => {
  const records: RequestRecord[] = [];
  const providers = {
    token: {
      authenticate: ({ metadata }: { metadata: { get(key: string): string | undefined } }) =>
        metadata.get("authorization") === "Bearer good"
          ? { subject: "ada", provider: "", scopes: [], audiences: [], claims: {} }
          : undefined,
    },
  };
  const { http } = await start({
    http: 0,
    auth: { providers: providers as never },
    gateway: {
      cors: { origins: ["*"] },
      onRequest: (record) => void records.push(record),
      mounts: [{ path: "/legacy", handler: (req, res) => res.end(principalOf(req)?.subject), auth: {} }],
    },
  });
  const ask = (path: string, authorization: string) =>
    fetch(http?.url + path, { headers: { authorization, origin: "https://a.b" } });
  const good = await ask("/legacy/x", "Bearer good");
  expect([await good.text(), good.headers.get("access-control-allow-origin")]).toEqual(["ada", "*"]);
  expect((await ask("/legacy", "Bearer bad")).status).toBe(401);
  await ask("/v1/dishes/1", "");
  await expect
    .poll(() => records.map(({ template, status }) => [template, status]))
    .toEqual([
      ["/legacy", 200],
      ["/legacy", 401],
      ["/v1/dishes/{id}", 200],
    ]);
});

test("unknown and wrong options fail the start", async () => {
  await expect(start({ http: 0, gateway: { cors_: {} } as never })).rejects.toThrow(
    /serve: gateway: unknown key "cors_", did you mean cors/,
  );
  await expect(start({ http: 0, gateway: { mounts: [{ path: "x", handler: () => {} }] } })).rejects.toThrow(
    /gateway\.mount\("x"\)/,
  );
});
