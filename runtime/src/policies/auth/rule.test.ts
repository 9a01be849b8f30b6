import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createRequire } from "node:module";
import { create, toBinary } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, StringValueSchema } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Principal } from "../../core/call.ts";
import { type Decision, policyChannel } from "../../core/decision.ts";
import { siteFactory } from "../../core/site.ts";
import type { AuthRule, Codec, MethodSpec, ServiceSpec } from "../../core/spec.ts";
import { esCodec } from "../../messages/codec.ts";
import { type MountOptions, mount } from "../../testing.ts";
import { type AuthConfig, auth, authRule } from "../auth.ts";
import { claimAt, claimHas } from "./claims.ts";
import { interpret, loadCel } from "./interpret.ts";
import { variablesOf } from "./variables.ts";

// message Request { string user_id = 1; int64 size = 2; } in a file of its own, as generated code embeds it.
const file = create(FileDescriptorProtoSchema, {
  name: "test.proto",
  package: "test.v1",
  syntax: "proto3",
  messageType: [
    {
      name: "Request",
      field: [
        { name: "user_id", jsonName: "userId", number: 1, type: 9, label: 1 },
        { name: "size", jsonName: "size", number: 2, type: 3, label: 1 },
      ],
    },
  ],
  enumType: [
    {
      name: "Kind",
      value: [
        { name: "NONE", number: 0 },
        { name: "SOME", number: 1 },
      ],
    },
  ],
});
const service: ServiceSpec = {
  name: "test.v1.Test",
  descriptors: base64Encode(toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [file] }))),
  methods: {},
};

/** A codec like ts-proto's: its messages are plain objects, and only its bytes say what they mean. */
const codec: Codec = {
  typeName: "test.v1.Request",
  encode: (message) => {
    const id = Buffer.from((message as { userId: string }).userId);
    return Buffer.concat([Buffer.from([10, id.length]), id]);
  },
  decode: () => ({}),
};

const ann: Principal = {
  subject: "ann",
  provider: "users",
  scopes: ["read"],
  audiences: ["shop"],
  claims: { tenant: "acme", level: 3, roles: ["admin"], realm: { roles: ["cook"], none: null } },
};

const config = (rule: string | undefined, part: Partial<AuthConfig> = {}): AuthConfig => ({
  access: "AUTHENTICATED",
  providers: [],
  scopes: [],
  audiences: [],
  ...(rule === undefined ? {} : { rule }),
  ...part,
});

interface Options extends MountOptions {
  readonly code?: AuthRule;
  readonly part?: Partial<AuthConfig>;
  readonly spec?: Partial<MethodSpec>;
  readonly service?: ServiceSpec | undefined;
}

const serve = (rule: string | undefined, { code, part, spec, ...options }: Options = {}) => {
  const known = "service" in options ? options.service : service;
  return mount(authRule, config(rule, part), {
    side: "server",
    site: (method) =>
      siteFactory({})({ ...method, request: codec, ...spec, ...(code ? { authRule: code } : {}) } as MethodSpec, known),
    ...options,
  });
};

let decisions: Decision[];
const listen = (decision: unknown) => decisions.push(decision as Decision);
beforeEach(() => {
  decisions = [];
  subscribe(policyChannel, listen);
});
afterEach(() => void unsubscribe(policyChannel, listen));

const refused = {
  code: "PERMISSION_DENIED",
  refusedBy: "auth",
  text: "/test.v1.Test/Call is not allowed to this caller with this request",
};

test("no rule, no layer; nor for a method that is for nobody", () => {
  const method = { policy: {} } as MethodSpec;
  expect(authRule.server?.(config(undefined), siteFactory({})(method))).toBeUndefined();
  expect(authRule.server?.(config("true", { access: "DENY" }), siteFactory({})(method))).toBeUndefined();
});

test.each([
  ["auth.sub == request.user_id", true],
  ["auth.sub != request.user_id", false],
  ["'admin' in auth.claims.roles && auth.claims.level >= 3", true],
  ["'cook' in auth.claims.realm.roles", true],
  ["auth.provider == 'users' && 'shop' in auth.audiences && 'read' in auth.scopes", true],
  ["method.service == 'test.v1.Test' && method.name == 'Call'", true],
  ["request.size == Kind.NONE", true],
  ["request.size == Kind.SOME", false],
  ["auth.claims.missing == 'x' || true", true],
  ["request == test.v1.Request{user_id: 'ann'}", true],
])("the interpreter decides that %s is %s", async (rule, allowed) => {
  const { send, seen } = serve(rule);
  const reply = send({ userId: "ann" }, { principal: ann });
  if (allowed) await reply;
  else await expect(reply).rejects.toMatchObject(refused);
  expect(seen).toHaveLength(allowed ? 1 : 0);
  expect(decisions.map(({ outcome }) => outcome)).toEqual(allowed ? [] : ["refused"]);
});

test.each([
  "auth.claims.missing == 'x'",
  "!(auth.claims.missing == 'x')",
  "auth.claims.tenant",
  "auth.sub",
  "1",
  "nobody.knows == 'this'",
  "request.nothing == ''",
  "constructor == 'x'",
  "__proto__ != 'x'",
  "1 / request.size == 1",
  "auth.sub.no_such_function()",
])("an error in %s refuses the call, and says no more than a refusal", async (rule) => {
  const { send, seen } = serve(rule);
  await expect(send({ userId: "ann" }, { principal: ann })).rejects.toMatchObject(refused);
  expect(seen).toHaveLength(0);
  expect(decisions).toEqual([
    { policy: "auth", outcome: "ruleError", method: "/test.v1.Test/Call", detail: undefined },
  ]);
  expect(Object.keys(auth.reference.outcomes)).toContain("ruleError");
});

test("a caller that nobody knows is refused before the rule, which empty names could make true", async () => {
  let asked = false;
  const code: AuthRule = {
    cel: "auth.sub == request.user_id",
    allows: () => {
      asked = true;
      return true;
    },
  };
  const { send, seen } = serve(code.cel, { code });
  await expect(send({ userId: "" })).rejects.toMatchObject(refused);
  expect([asked, seen.length]).toEqual([false, 0]);
  expect(decisions.map(({ outcome }) => outcome)).toEqual(["refused"]);
});

describe("code of the generator", () => {
  const code = (allows: AuthRule["allows"], cel = "auth.sub == 'ann'"): AuthRule => ({ cel, allows });

  test("decides on the caller and on the request by identity", async () => {
    const got: unknown[] = [];
    const { send } = serve("auth.sub == 'ann'", { code: code((...args) => got.push(...args) > 0), service: undefined });
    const request = {};
    await send(request, { principal: ann });
    expect(got[0]).toEqual({
      sub: "ann",
      provider: "users",
      scopes: ["read"],
      audiences: ["shop"],
      claims: ann.claims,
    });
    expect(got[1]).toBe(request);
  });

  test.each([false, undefined, 1, "true", {}])("that returns %s refuses", async (result) => {
    const { send } = serve("auth.sub == 'ann'", { code: code(() => result as boolean) });
    await expect(send({}, { principal: ann })).rejects.toMatchObject(refused);
  });

  test("that throws refuses", async () => {
    const { send } = serve("auth.sub == 'ann'", {
      code: code(() => {
        throw new TypeError("oops");
      }),
    });
    await expect(send({}, { principal: ann })).rejects.toMatchObject(refused);
    expect(decisions.map(({ outcome }) => outcome)).toEqual(["ruleError"]);
  });

  test("does not count when the policy in force has another rule", async () => {
    const { send } = serve("auth.sub == 'bob'", { code: code(() => true) });
    await expect(send({ userId: "" }, { principal: ann })).rejects.toMatchObject(refused);
    await send({ userId: "" }, { principal: { ...ann, subject: "bob" } });
  });

  test("costs the allowed call no promise of its own", async () => {
    let reached = false;
    const { method, clock } = serve(undefined);
    const site = { ...siteFactory({ clock })({ ...method, authRule: code(() => true) } as MethodSpec) };
    const handler = authRule.server?.(
      config("auth.sub == 'ann'"),
      site,
    )?.(async () => {
      reached = true;
    });
    const { seen, send } = mount({ name: "none" }, {});
    await send();
    void handler?.({ ...seen[0], principal: ann } as never);
    expect(reached).toBe(true);
  });
});

describe("a server does not build", () => {
  test.each([
    ["auth.sub == ", "/test.v1.Test/Call: auth.rule is not a CEL expression: "],
    ["auth.sub = 'a'", "/test.v1.Test/Call: auth.rule is not a CEL expression: "],
  ])("with the rule %s", (rule, text) => {
    expect(() => serve(rule)).toThrow(text);
  });

  test("with a rule on a PUBLIC method", () => {
    expect(() => serve("true", { part: { access: "PUBLIC" } })).toThrow(
      "/test.v1.Test/Call: auth.rule says who may call, but anybody may call a PUBLIC method: remove one of the two",
    );
  });

  test.each(["clientStream", "bidi"] as const)("with a rule on a %s method", (kind) => {
    expect(() => serve("true", { spec: { kind } })).toThrow("auth.rule is for one request");
  });

  test("without descriptors, or without that of the request", () => {
    expect(() => serve("true", { service: undefined })).toThrow("auth.rule needs the descriptors of the service");
    const other = { ...codec, typeName: "test.v1.Other" };
    expect(() => serve("true", { spec: { request: other } })).toThrow("no descriptor of test.v1.Other is embedded");
  });

  test("without the package", () => {
    const elsewhere = createRequire("/nowhere/index.js");
    const site = siteFactory({})({ path: "/a.B/C", request: codec } as MethodSpec, service);
    expect(() => interpret("true", site, () => loadCel(elsewhere))).toThrow(
      "/a.B/C: auth.rule needs the package @bufbuild/cel, which cannot be loaded: npm install @bufbuild/cel",
    );
  });
});

test("messages of protobuf-es are read as they are", async () => {
  const own: ServiceSpec = { ...service };
  const { send } = serve("request == 'x'", { spec: { request: esCodec(StringValueSchema) }, service: own });
  await send(create(StringValueSchema, { value: "x" }), { principal: ann });
  await expect(send(create(StringValueSchema), { principal: ann })).rejects.toMatchObject(refused);
});

describe("claims", () => {
  const claimsOf = (claims: Principal["claims"]) => variablesOf({ ...ann, claims }).claims;

  test("are JSON, whatever the provider says: what is none is missing", () => {
    const odd = {
      big: 1n,
      date: new Date(),
      nan: Number.NaN,
      fn: () => 1,
      gone: undefined,
      list: [1, () => 1, { a: 1n }],
    };
    expect({ ...claimsOf(odd) }).toEqual({ list: [1, {}] });
  });

  test("have no prototype, at no depth", () => {
    const claims = claimsOf({ inner: {} });
    expect(claims.constructor).toBeUndefined();
    expect((claims.inner as object).constructor).toBeUndefined();
    expect(claimAt(claims, "inner", "constructor")).toBeUndefined();
    expect(claimHas(claims.inner, "constructor")).toBe(false);
    expect({ ...claimsOf(JSON.parse('{"__proto__":{"admin":true}}')) }).not.toHaveProperty("admin");
  });

  test("that are frozen all through are copied once, others each time", () => {
    const frozen = Object.freeze({ roles: Object.freeze(["a"]) });
    expect(claimsOf(frozen)).toBe(claimsOf(frozen));
    const roles = ["a"];
    const shallow = Object.freeze({ roles });
    expect(claimsOf(shallow).roles).toEqual(["a"]);
    roles.pop();
    expect(claimsOf(shallow).roles).toEqual([]);
  });

  test("that go round in circles refuse the call", async () => {
    const circle: { [name: string]: unknown } = {};
    circle.self = circle;
    const { send } = serve("true", { code: { cel: "true", allows: () => true } });
    await expect(send({}, { principal: { ...ann, claims: circle } })).rejects.toMatchObject(refused);
  });

  test.each([
    [["a", 1, true], "a", true],
    [["a", 1, true], 1, true],
    [["a"], "b", false],
    [{ a: 1 }, "a", true],
    [{ a: null }, "a", false],
    [{ a: 1 }, 1, false],
    ["a", "a", undefined],
    [1, 1, undefined],
    [null, "a", undefined],
    [undefined, "a", undefined],
  ])("%j has %j: %s", (claim, value, result) => {
    expect(claimHas(claim, value as string)).toBe(result);
  });

  test.each([
    [["tenant"], "acme"],
    [["realm", "none"], null],
    [["realm", "roles", "length"], undefined],
    [["tenant", "length"], undefined],
    [["missing", "more"], undefined],
    [["realm", "none", "more"], undefined],
  ])("at %j is %j", (path, value) => {
    expect(claimAt(ann.claims, ...path)).toBe(value);
  });
});
