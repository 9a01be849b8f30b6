import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, test } from "vitest";
import type { Principal } from "../core/call.ts";
import { Cancellation } from "../core/cancellation.ts";
import { policyChannel } from "../core/decision.ts";
import { RpcError } from "../core/error.ts";
import { OptionError, parseFields } from "../core/fields.ts";
import type { AuthProvider, MethodFacts } from "../core/policy.ts";
import { type MountOptions, mount, settled } from "../testing.ts";
import { type AuthConfig, auth } from "./auth.ts";

const config = (part: Partial<AuthConfig> = {}): AuthConfig => ({
  access: "AUTHENTICATED",
  providers: [],
  scopes: [],
  audiences: [],
  ...part,
});

const ann: Principal = { subject: "ann", provider: "users", scopes: ["read"], audiences: ["shop"], claims: {} };

/** Knows whoever sends its header with "good", rejects any other value. */
const byHeader = (header: string, principal: Principal, later = false): AuthProvider => ({
  authenticate({ metadata }) {
    const value = metadata.get(header);
    if (value === undefined) return undefined;
    const answer = () => {
      if (value !== "good") throw new RpcError("UNAUTHENTICATED", `bad ${header}`);
      return principal;
    };
    return later ? settled().then(answer) : answer();
  },
});

const users = byHeader("user", ann);
const partners = byHeader("partner", { ...ann, subject: "bob", provider: "partners" }, true);
const providers = new Map([
  ["users", users],
  ["partners", partners],
]);
const serve = (part: Partial<AuthConfig> = {}, options: MountOptions = {}) =>
  mount(auth, config(part), { side: "server", authProviders: providers, ...options });
const as = (metadata: { [key: string]: string }) => ({ metadata });

test("a method without an auth policy refuses every call and says what to set", async () => {
  const { send, seen } = mount(auth, auth.absent as AuthConfig, { side: "server" });
  await expect(send({}, as({ user: "good" }))).rejects.toMatchObject({
    code: "PERMISSION_DENIED",
    refusedBy: "auth",
    text: "/test.v1.Test/Call admits nobody: set auth.access to AUTHENTICATED or PUBLIC in its mesh.v1 options",
  });
  expect(seen).toHaveLength(0);
});

test.each([
  ["the first provider", { user: "good" }, "ann"],
  ["the second provider, which takes its time", { partner: "good" }, "bob"],
  ["the first that is asked, when both do", { user: "good", partner: "good" }, "ann"],
  ["the second, when the first rejects", { user: "bad", partner: "good" }, "bob"],
  ["the first, when the second would reject", { user: "good", partner: "bad" }, "ann"],
])("admits a caller that is known to %s", async (_, metadata, subject) => {
  const { send, seen } = serve();
  await send({}, as(metadata));
  expect(seen[0]?.principal?.subject).toBe(subject);
});

test.each([
  ["no credential", {}, "/test.v1.Test/Call needs credentials, and the call has none"],
  ["a bad one", { user: "bad" }, "bad user"],
  ["a bad one that is found out later", { partner: "bad" }, "bad partner"],
  ["two bad ones", { user: "bad", partner: "bad" }, "bad user"],
])("refuses a caller with %s as UNAUTHENTICATED", async (_, metadata, text) => {
  const { send, seen } = serve();
  await expect(send({}, as(metadata))).rejects.toMatchObject({ code: "UNAUTHENTICATED", refusedBy: "auth", text });
  expect(seen).toHaveLength(0);
});

test.each([
  ["a scope", { scopes: ["read", "write"] }, "/test.v1.Test/Call needs the scope write"],
  [
    "the audience",
    { audiences: ["bank", "post"] },
    "/test.v1.Test/Call needs a credential that is meant for it: one with the audience bank or post",
  ],
])("refuses a known caller without %s as PERMISSION_DENIED", async (_, part, text) => {
  const { send, seen } = serve(part);
  const refused = { code: "PERMISSION_DENIED", refusedBy: "auth", text };
  await expect(send({}, as({ user: "good" }))).rejects.toMatchObject(refused);
  await expect(send({}, as({ partner: "good" }))).rejects.toMatchObject(refused);
  expect(seen).toHaveLength(0);
});

test.each([
  ["scopes", "orders.read orders.write"],
  ["scopes", ""],
  ["scopes", 'a"b'],
  ["scopes", "größe"],
  ["audiences", ""],
])("%s cannot have %j, which no caller has", (field, item) => {
  expect(() => parseFields(auth.fields, { [field]: ["good", item] })).toThrow(OptionError);
  expect(parseFields(auth.fields, { [field]: ["https://a.example/orders.read"] })).toMatchObject({
    [field]: ["https://a.example/orders.read"],
  });
});

test("admits a caller with all scopes and one of the audiences", async () => {
  const { send, seen } = serve({ scopes: ["read"], audiences: ["bank", "shop"] });
  await send({}, as({ user: "good" }));
  expect(seen).toHaveLength(1);
});

test("a method that names its providers asks no other, in its own order", async () => {
  const { send } = serve({ providers: ["partners"] });
  await expect(send({}, as({ user: "good" }))).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  const both = serve({ providers: ["partners", "users"] });
  await both.send({}, as({ user: "good", partner: "good" }));
  expect(both.seen[0]?.principal?.subject).toBe("bob");
});

test("a known answer costs no promise of its own", async () => {
  const { method, clock } = serve();
  let reached = false;
  const site = {
    method,
    clock,
    random: Math.random,
    shared: () => undefined as never,
    authProviders: providers,
    target: "",
  };
  const { seen, send } = mount({ name: "none" }, {});
  await send({}, as({ user: "good" }));
  const handler = auth.server?.(
    config(),
    site,
  )?.(async () => {
    reached = true;
  });
  void handler?.(seen[0] as (typeof seen)[0]);
  expect(reached).toBe(true);
});

test("the principal carries the name that the server gave its provider", async () => {
  const { send, seen } = serve({}, { authProviders: new Map([["people", users]]) });
  await send({}, as({ user: "good" }));
  expect(seen[0]?.principal?.provider).toBe("people");
});

test("a call that was cancelled while its credential was checked does not run", async () => {
  const cancellation = new Cancellation();
  const { send, seen } = serve();
  const call = send({}, { ...as({ partner: "good" }), cancellation });
  cancellation.cancel(new RpcError("CANCELLED", "enough"));
  await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
  await settled();
  await settled();
  expect(seen).toHaveLength(0);
});

describe("a provider that cannot decide", () => {
  const broken: AuthProvider = {
    authenticate() {
      throw new RpcError("UNAVAILABLE", "no keys");
    },
  };

  test("is not the last word while another one knows the caller", async () => {
    const { send } = serve({}, { authProviders: new Map([["broken", broken], ...providers]) });
    await send({}, as({ user: "good" }));
  });

  test("is not passed off as a bad credential", async () => {
    const { send } = serve({}, { authProviders: new Map([...providers, ["broken", broken]]) });
    const refused = { code: "UNAVAILABLE", refusedBy: "auth", text: "no keys" };
    await expect(send({}, as({ user: "bad" }))).rejects.toMatchObject(refused);
    await expect(send({}, as({ partner: "bad" }))).rejects.toMatchObject(refused);
  });

  test("that fails by a fault of its own stays a fault", async () => {
    const fault = new TypeError("oops");
    const { send } = serve({}, { authProviders: new Map([["x", { authenticate: () => Promise.reject(fault) }]]) });
    await expect(send()).rejects.toBe(fault);
  });
});

describe("a PUBLIC method", () => {
  test("has no layer and looks at no credential", async () => {
    const { send, seen } = serve({ access: "PUBLIC" });
    await send({}, as({ user: "bad" }));
    expect(seen[0]?.principal).toBeUndefined();
  });

  test("that names providers knows callers, admits anonymous ones, and refuses bad credentials", async () => {
    const { send, seen } = serve({ access: "PUBLIC", providers: ["users"] });
    await send();
    await send({}, as({ user: "good" }));
    expect(seen.map(({ principal }) => principal?.subject)).toEqual([undefined, "ann"]);
    await expect(send({}, as({ user: "bad" }))).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });
});

test.each([
  [
    "an unknown provider",
    { providers: ["users", "robots"] },
    {},
    '/test.v1.Test/Call names the auth provider "robots", which the server does not have: configure it, or name one of users, partners',
  ],
  [
    "no provider at all",
    {},
    { authProviders: new Map() },
    "/test.v1.Test/Call needs authenticated callers, but the server has no auth provider: configure one",
  ],
] as const)("%s fails when the server is built", (_, part, options, message) => {
  expect(() => serve(part, options)).toThrow(message);
});

const facts: MethodFacts = {
  path: "/a.B/C",
  kind: "unary",
  idempotency: undefined,
  policy: {},
  field: () => undefined,
  replyProblem: () => undefined,
  sibling: () => undefined,
};

test.each([
  ["auth/public-with-conditions", config({ access: "PUBLIC", rule: "true" })],
  ["auth/deny-with-conditions", config({ access: "DENY", rule: "true" })],
  ["auth/public-with-conditions", config({ access: "PUBLIC", scopes: ["a"] })],
  ["auth/public-with-conditions", config({ access: "PUBLIC", audiences: ["a"] })],
  ["auth/deny-with-conditions", config({ access: "DENY", scopes: ["a"] })],
  ["auth/provider-name", config({ providers: ["https://issuer.example"] })],
])("%s is an error", (id, broken) => {
  const found = auth.rules?.filter(({ check }) => check(broken, facts) !== undefined);
  expect(found?.map((rule) => [rule.id, rule.severity])).toEqual([[id, "error"]]);
  expect(
    auth.rules
      ?.map(({ check }) => check(config({ scopes: ["a"], providers: ["users"], rule: "true" }), facts))
      .filter(Boolean),
  ).toEqual([]);
});

test.each([
  ["unary", false],
  ["serverStream", false],
  ["clientStream", true],
  ["bidi", true],
] as const)("auth/rule-streaming: a rule on a %s method is an error: %s", (kind, wrong) => {
  const check = auth.rules?.find(({ id }) => id === "auth/rule-streaming")?.check;
  expect(check?.(config({ rule: "true" }), { ...facts, kind }) !== undefined).toBe(wrong);
  expect(check?.(config(), { ...facts, kind })).toBeUndefined();
});

test.each([
  ["no credential", {}, {}, "unauthenticated"],
  ["a bad one", {}, { user: "bad" }, "unauthenticated"],
  ["a bad one that is found out later", {}, { partner: "bad" }, "unauthenticated"],
  ["a scope missing", { scopes: ["write"] }, { user: "good" }, "denied"],
  ["the wrong audience", { audiences: ["bank"] }, { user: "good" }, "denied"],
  ["a method for nobody", { access: "DENY" }, { user: "good" }, "denied"],
  ["a provider that cannot decide", { providers: ["broken"] }, {}, "providerFailed"],
] as const)("%s is published as a decision, without a word about the caller", async (_, part, metadata, outcome) => {
  const broken: AuthProvider = {
    authenticate() {
      throw new RpcError("UNAVAILABLE", "no keys");
    },
  };
  const seen: unknown[] = [];
  const listen = (decision: unknown) => seen.push(decision);
  subscribe(policyChannel, listen);
  try {
    const { send } = serve(part, {
      authProviders: "providers" in part ? new Map([["broken", broken]]) : providers,
    });
    await expect(send({}, as(metadata))).rejects.toThrow();
    await serve().send({}, as({ user: "good" }));
  } finally {
    unsubscribe(policyChannel, listen);
  }
  expect(seen).toEqual([{ policy: "auth", outcome, method: "/test.v1.Test/Call", detail: undefined }]);
  expect(Object.keys(auth.reference.outcomes)).toContain(outcome);
});
