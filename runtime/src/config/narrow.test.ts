import fc from "fast-check";
import { expect, test } from "vitest";
import { kitchenSpec } from "../../test/config/files.ts";
import type { AuthConfig, MethodPolicy } from "../policies/index.ts";
import { loadConfig } from "./load.ts";
import { widenings } from "./narrow.ts";

const names = fc.subarray(["a", "b", "c"]);
const auth: fc.Arbitrary<AuthConfig> = fc
  .record({
    access: fc.constantFrom("DENY", "PUBLIC", "AUTHENTICATED"),
    providers: names,
    scopes: names,
    audiences: names,
  })
  .map(({ access, providers, scopes, audiences }) => ({
    access: access as AuthConfig["access"],
    providers: access === "DENY" ? [] : providers,
    scopes: access === "AUTHENTICATED" ? scopes : [],
    audiences: access === "AUTHENTICATED" ? audiences : [],
  }));
const option = fc.record(
  {
    access: fc.constantFrom("DENY", "PUBLIC", "AUTHENTICATED"),
    providers: fc.subarray(["a", "b", "c"], { minLength: 1 }),
    scopes: fc.subarray(["a", "b", "c"], { minLength: 1 }),
    audiences: fc.subarray(["a", "b", "c"], { minLength: 1 }),
  },
  { requiredKeys: [] },
);

/** Who a policy lets in, of every caller that there can be. */
function admitted({ access, providers, scopes, audiences }: AuthConfig): string[] {
  const sets = (of: readonly string[]) => [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => of.filter((_, n) => bits & (1 << n)));
  const callers = [
    undefined,
    ...["a", "b", "c"].flatMap((provider) =>
      sets(["a", "b", "c"]).flatMap((has) => sets(["a", "b", "c"]).map((meant) => ({ provider, has, meant }))),
    ),
  ];
  return callers
    .filter((caller) => {
      if (access !== "AUTHENTICATED") return access === "PUBLIC";
      if (!caller || (providers.length > 0 && !providers.includes(caller.provider))) return false;
      if (!scopes.every((scope) => caller.has.includes(scope))) return false;
      return audiences.length === 0 || audiences.some((one) => caller.meant.includes(one));
    })
    .map((caller) => JSON.stringify(caller));
}

test("whatever overrides say, nobody gets in whom the proto file keeps out", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.option(auth, { nil: undefined }),
      fc.array(option, { minLength: 1, maxLength: 3 }),
      async (before, overrides) => {
        const env = {
          MESH__OVERRIDES: JSON.stringify(overrides.map((one) => ({ match: "*", policy: { auth: one } }))),
        };
        const spec = kitchenSpec({ GetDish: (before ? { auth: before } : { auth: undefined }) as MethodPolicy });
        let after: AuthConfig | undefined;
        try {
          const { policies } = await loadConfig({ args: [], env });
          policies.bind({ ...spec, methods: { getDish: spec.methods.getDish } });
          after = (policies.methodOf(spec.methods.getDish).policy as MethodPolicy).auth;
        } catch {
          return; // Refused: nothing is wider.
        }
        const closed: AuthConfig = { access: "DENY", providers: [], scopes: [], audiences: [] };
        const allowed = new Set(admitted(before ?? closed));
        expect(admitted(after ?? closed).filter((caller) => !allowed.has(caller))).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
});

test("auth that narrows is not refused, and everything wider is", () => {
  fc.assert(
    fc.property(auth, auth, (before, after) => {
      const allowed = new Set(admitted(before));
      const wider = admitted(after).some((caller) => !allowed.has(caller));
      if (wider) expect(widenings({ auth: before }, { auth: after })).not.toEqual([]);
    }),
    { numRuns: 2000 },
  );
});

const vary = (before: readonly string[], after: readonly string[]) =>
  widenings({ cache: { vary: before } }, { cache: { vary: after } })[0]?.text;

test("replies are told apart at least as well as before", () => {
  expect(vary([], [])).toBeUndefined();
  expect(vary([], ["metadata:accept-language"])).toBeUndefined();
  expect(vary(["field:id"], ["field:id", "field:locale", "peer"])).toBeUndefined();
  expect(vary(["claim:tenant"], ["claim:tenant", "principal"])).toBeUndefined();
  expect(vary(["field:id", "all"], ["field:id", "all"])).toBeUndefined();
  expect(vary(["field:id", "peer"], ["field:id"])).toBe("vary may only grow: add peer, which the proto file names");
  expect(vary([], ["field:id"])).toMatch("by field:id instead of the whole request");
  expect(vary([], ["all"])).toMatch("by all instead of who calls");
  expect(vary(["field:id"], ["field:id", "claim:tenant"])).toMatch("by claim:tenant instead of who calls");
  expect(vary(["principal"], ["principal", "all"])).toMatch("by all instead of who calls");
});

test("a cache that only the configuration has tells replies apart by everything", () => {
  expect(widenings({}, { cache: { vary: ["all"] } })).toMatchObject([{ option: "cache" }]);
  expect(widenings({}, { cache: { vary: [] } })).toEqual([]);
});

test("who vouches for callers of an open method stays as the proto file says, also when it is closed", () => {
  const open = { access: "PUBLIC", providers: ["login"], scopes: [], audiences: [] } as const;
  const closed = (providers: string[]) => ({ ...open, access: "AUTHENTICATED", providers, scopes: ["read"] });
  expect(widenings({ auth: open }, { auth: closed(["login"]) })).toEqual([]);
  expect(widenings({ auth: open }, { auth: closed(["other"]) })[0]?.text).toBe(
    "providers may only shrink: the proto file allows login, not other",
  );
  expect(widenings({ auth: { ...open, providers: [] } }, { auth: closed(["other"]) })).toEqual([]);
});

test("the rule of the proto file cannot be lost", () => {
  const before = { access: "AUTHENTICATED", providers: [], scopes: [], audiences: [], rule: "auth.sub == 'a'" };
  expect(widenings({ auth: before }, { auth: { ...before, rule: undefined } })).toMatchObject([{ option: "auth" }]);
});
