import { expect, test } from "vitest";
import { Cancellation } from "../../core/cancellation.ts";
import { RpcError } from "../../core/error.ts";
import type { Credentials } from "../../core/policy.ts";
import { mount, mountLayers } from "../../testing.ts";
import { type AuthConfig, auth } from "../auth.ts";
import { retry } from "../retry.ts";

const config = auth.absent as AuthConfig;
const client = (credentials: Credentials) => mount(auth, config, { side: "client", credentials });
const sent = ({ seen }: ReturnType<typeof mount>) => seen.map(({ metadata }) => metadata.all("authorization"));

test("a client without credentials has no layer", () => {
  const { method, clock } = mount(auth, config, { side: "client" });
  const site = {
    method,
    clock,
    random: Math.random,
    shared: () => undefined as never,
    authProviders: new Map(),
    target: "",
  };
  expect(auth.client?.(config, site)).toBeUndefined();
});

test.each<[string, Credentials]>([
  ["a token", "t0k3n"],
  ["a function", () => "t0k3n"],
  ["a function that takes its time", async () => "t0k3n"],
])("sends %s as bearer token, on a copy of the caller's metadata", async (_, credentials) => {
  const mounted = client(credentials);
  await mounted.send({}, { metadata: { k: "v" } });
  expect(sent(mounted)).toEqual([["Bearer t0k3n"]]);
  expect(mounted.seen[0]?.metadata.get("k")).toBe("v");
});

test("leaves a caller's own authorization alone", async () => {
  const mounted = client("t0k3n");
  await mounted.send({}, { metadata: { authorization: "Basic YTpi" } });
  expect(sent(mounted)).toEqual([["Basic YTpi"]]);
});

test("asks anew for each attempt", async () => {
  let n = 0;
  const mounted = mountLayers(
    (site) =>
      [
        retry.client?.(
          {
            attempts: 2,
            on: ["UNAVAILABLE"],
            initialMs: 10,
            maxMs: 10,
            multiplier: 1,
            jitter: "NONE",
            attemptTimeout: false,
            budget: { ratio: 1, floorPerSecond: 10, windowMs: 1000 },
          },
          site,
        ),
        auth.client?.(config, site),
      ].filter((layer) => layer !== undefined),
    {
      credentials: () => `token-${++n}`,
      handler: ({ attempt }) => {
        if (attempt === 1) throw new RpcError("UNAVAILABLE", "not now");
        return {};
      },
    },
  );
  const call = mounted.send();
  await mounted.clock.advance(10);
  await call;
  expect(sent(mounted)).toEqual([["Bearer token-1"], ["Bearer token-2"]]);
});

test.each<[string, Credentials]>([
  [
    "throws",
    () => {
      throw new Error("vault is sealed");
    },
  ],
  ["rejects", () => Promise.reject(new Error("vault is sealed"))],
  ["returns what is no token", () => "two words"],
  ["returns nothing", () => ""],
  ["resolves with nothing", async () => undefined as never],
])("a function that %s fails the call, without a word of what it said", async (_, credentials) => {
  const mounted = client(credentials);
  const error = (await mounted.send().catch((error) => error)) as RpcError;
  expect(error).toMatchObject({ code: "UNAUTHENTICATED", refusedBy: "auth" });
  expect(error.text).not.toMatch(/vault|two words/);
  expect(mounted.seen).toHaveLength(0);
});

test("a good token does not vouch for the next one", async () => {
  const tokens = ["one", "one", "two", "two words", "one"];
  const mounted = client(() => tokens.shift() as string);
  for (let n = 0; n < 3; n++) await mounted.send();
  await expect(mounted.send()).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  await mounted.send();
  expect(sent(mounted)).toEqual([["Bearer one"], ["Bearer one"], ["Bearer two"], ["Bearer one"]]);
});

test("a function that never answers ends with the deadline, and with the caller's cancel", async () => {
  const never = () => new Promise<string>(() => {});
  const { send, clock } = client(never);
  const late = expect(send({}, { timeoutMs: 50 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  await clock.advance(50);
  await late;

  const cancellation = new Cancellation();
  const reason = new RpcError("CANCELLED", "enough");
  const call = expect(send({}, { cancellation, timeoutMs: 50 })).rejects.toBe(reason);
  cancellation.cancel(reason);
  await call;
  await expect(send({}, { cancellation, timeoutMs: 50 })).rejects.toBe(reason);
  expect([clock.pending, cancellation.listening]).toEqual([0, 0]);
});
