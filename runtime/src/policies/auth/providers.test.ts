import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { PeerCertificate } from "../../core/call.ts";
import { mount } from "../../testing.ts";
import { apiKeys, auth, jwt, mtls } from "../auth.ts";

const config = { access: "AUTHENTICATED", providers: [], scopes: [], audiences: [] } as const;
const serve = (provider: ReturnType<typeof apiKeys>) =>
  mount(auth, config, { side: "server", authProviders: new Map([["it", provider]]) });
const sha256 = (key: string) => createHash("sha256").update(key).digest("hex");
const rejected = { code: "UNAUTHENTICATED", refusedBy: "auth" };

describe("API keys", () => {
  const keys = [
    { sha256: sha256("key-of-ann"), subject: "ann", scopes: ["read"] },
    { sha256: sha256("key-of-bob").toUpperCase(), subject: "bob", audiences: ["shop"] },
  ];

  test("stand for their subject, scopes and audiences", async () => {
    const { send, seen } = serve(apiKeys({ keys }));
    await send({}, { metadata: { "x-api-key": "key-of-ann" } });
    await send({}, { metadata: { "X-API-Key": "key-of-bob" } });
    expect(seen.map(({ principal }) => principal)).toEqual([
      { subject: "ann", provider: "it", scopes: ["read"], audiences: [], claims: {} },
      { subject: "bob", provider: "it", scopes: [], audiences: ["shop"], claims: {} },
    ]);
  });

  test.each([["guess"], [""], ["key-of-an"], [["key-of-ann", "key-of-ann"]]])(
    "%j is none of them, and is not repeated",
    async (value) => {
      const { send } = serve(apiKeys({ keys }));
      const error = await send({}, { metadata: { "x-api-key": value } }).catch((error) => error);
      expect(error).toMatchObject({ ...rejected, text: "the API key is not known" });
    },
  );

  test("may come in another header", async () => {
    const { send } = serve(apiKeys({ header: "key", keys }));
    await send({}, { metadata: { key: "key-of-ann" } });
    await expect(send({}, { metadata: { "x-api-key": "key-of-ann" } })).rejects.toMatchObject(rejected);
  });

  test.each([
    ["a key in clear", [{ sha256: "key-of-ann", subject: "ann" }], /sha256 of "ann" is not 64 hex digits/],
    ["no subject", [{ sha256: sha256("k"), subject: "" }], /has no subject/],
    ["a key twice", [keys[0], { ...keys[0], subject: "eve" }] as typeof keys, /"eve" has the key of another/],
  ])("%s in the options is an error", (_, wrong, message) => {
    expect(() => apiKeys({ keys: wrong })).toThrow(message);
  });
});

describe("client certificates", () => {
  const provider = mtls({
    callers: [{ id: "spiffe://acme.com/cart", scopes: ["write"] }, { id: "spiffe://acme.com/shop/*" }],
  });
  const with_ = (...uris: string[]) => {
    const certificate: PeerCertificate = { uris, dns: ["cart.acme.com"], fingerprint: "AA" };
    return { peer: { address: "10.0.0.1", certificate } };
  };

  test("stand for their SPIFFE id", async () => {
    const { send, seen } = serve(provider);
    await send({}, with_("spiffe://acme.com/cart"));
    await send({}, with_("spiffe://acme.com/shop/eu/front"));
    await send({}, with_("spiffe://acme.com/cart"));
    expect(seen.map(({ principal }) => [principal?.subject, principal?.scopes])).toEqual([
      ["spiffe://acme.com/cart", ["write"]],
      ["spiffe://acme.com/shop/eu/front", []],
      ["spiffe://acme.com/cart", ["write"]],
    ]);
  });

  test.each([
    ["another id", ["spiffe://acme.com/bank"]],
    ["an id below an exact one", ["spiffe://acme.com/cart/x"]],
    ["an id that begins like a path", ["spiffe://acme.com/shopping"]],
    ["an id that climbs", ["spiffe://acme.com/shop/../bank"]],
    ["an id that climbs in disguise", ["spiffe://acme.com/shop/%2e%2e/bank"]],
    ["another trust domain", ["spiffe://evil.com/cart"]],
    ["no URI name", []],
    ["two URI names", ["spiffe://acme.com/cart", "spiffe://acme.com/bank"]],
    ["a URI name that is no SPIFFE id", ["https://acme.com/cart"]],
  ])("with %s are rejected", async (_, uris) => {
    await expect(serve(provider).send({}, with_(...uris))).rejects.toMatchObject(rejected);
  });

  test("that were never shown are no credential", async () => {
    await expect(serve(provider).send({}, { peer: { address: "10.0.0.1" } })).rejects.toMatchObject({
      ...rejected,
      text: /needs credentials/,
    });
  });

  test.each(["https://acme.com/x", "spiffe://", "acme.com/cart", "spiffe://acme.com/a*", "spiffe://acme.com/*/b"])(
    "%s in the options is an error",
    (id) => {
      expect(() => mtls({ callers: [{ id }] })).toThrow(/is not a SPIFFE id/);
    },
  );
});

test.each([
  [
    "jwt",
    () => jwt({ issuer: "i", secret: new Uint8Array(32), audience: "shop" } as never),
    /jwt: .*did you mean audiences\?/,
  ],
  ["apiKeys", () => apiKeys({ keys: [], headers: "x" } as never), /apiKeys: .*did you mean header\?/],
  ["a key", () => apiKeys({ keys: [{ sha256: "", subject: "s", scope: [] }] } as never), /did you mean scopes\?/],
  [
    "mtls",
    () => mtls({ callers: [{ id: "spiffe://a/b", scope: [] }] } as never),
    /mtls: callers: .*did you mean scopes\?/,
  ],
])("a misspelt key of %s is an error, because what it says would not be checked", (_, make, text) => {
  expect(make).toThrow(text);
});

test.each([
  ["scopes", { scopes: "not-admin" }],
  ["a scope", { scopes: ["admin", 3] }],
  ["audiences", { audiences: undefined }],
  ["the subject", { subject: undefined }],
])("%s of a wrong type are a fault of the provider, not a permission", async (_, wrong) => {
  const principal = { subject: "ann", provider: "it", scopes: ["admin"], audiences: [], claims: {}, ...wrong } as never;
  for (const answer of [principal, Promise.resolve(principal)]) {
    const { send, seen } = mount(
      auth,
      { ...config, scopes: ["admin"] },
      {
        side: "server",
        authProviders: new Map([["it", { authenticate: () => answer }]]),
      },
    );
    await expect(send({})).rejects.toThrow('the auth provider "it" returned a principal');
    expect(seen).toHaveLength(0);
  }
});
