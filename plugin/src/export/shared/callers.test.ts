import { expect, test } from "vitest";
import { callersWith } from "./callers.ts";

const provider = (...callers: readonly (readonly [id: string, ...scopes: string[]])[]) => ({
  name: "mesh",
  kind: "mtls" as const,
  ids: [],
  callers: callers.map(([id, ...scopes]) => ({ id, scopes })),
});

test("callers have all scopes", () => {
  const callers = provider(["spiffe://a/x", "read"], ["spiffe://a/y", "read", "write"]);
  expect(callersWith([callers], ["read", "write"])).toEqual([{ id: "spiffe://a/y", except: [] }]);
  expect(callersWith([callers], [])).toHaveLength(2);
});

test("the first that fits counts, also of an earlier provider", () => {
  const narrow = provider(["spiffe://a/x/y"]);
  const wide = provider(["spiffe://a/x/*", "read"]);
  expect(callersWith([narrow, wide], ["read"])).toEqual([{ id: "spiffe://a/x/*", except: ["spiffe://a/x/y"] }]);
  expect(callersWith([provider(["spiffe://a/x/*"], ["spiffe://a/x/y", "read"])], ["read"])).toEqual([]);
  expect(callersWith([provider(["spiffe://a/x", "read"], ["spiffe://a/x"])], ["read"])).toEqual([
    { id: "spiffe://a/x", except: [] },
  ]);
});
