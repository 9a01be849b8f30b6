import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FakeClock, mount } from "../../testing.ts";
import { auth, type JwtOptions, jwt } from "../auth.ts";

const issuer = "https://issuer.example";
const config = { access: "AUTHENTICATED", providers: [], scopes: [], audiences: [] } as const;
const rejected = { code: "UNAUTHENTICATED", refusedBy: "auth" };

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
let es: Pair;
let other: Pair;
let rsa: Pair;
let pem: string;
let rsaPem: string;

beforeAll(async () => {
  es = await generateKeyPair("ES256", { extractable: true });
  other = await generateKeyPair("ES256", { extractable: true });
  rsa = await generateKeyPair("RS256", { extractable: true });
  pem = await exportSPKI(es.publicKey);
  rsaPem = await exportSPKI(rsa.publicKey);
});

interface Minted {
  readonly claims?: JWTPayload;
  readonly alg?: string;
  readonly kid?: string;
  readonly key?: Pair["privateKey"] | Uint8Array;
  readonly without?: string;
}

const seconds = (clock: FakeClock) => Math.floor(clock.wallNow() / 1000);

function mint(clock: FakeClock, { claims = {}, alg = "ES256", kid, key = es.privateKey, without }: Minted = {}) {
  const payload: JWTPayload = { iss: issuer, sub: "ann", exp: seconds(clock) + 300, ...claims };
  if (without) delete payload[without];
  return new SignJWT(payload).setProtectedHeader({ alg, ...(kid && { kid }) }).sign(key);
}

function serve(options: Partial<JwtOptions> = {}) {
  const clock = new FakeClock();
  const keys = options.jwks || options.jwksUri || options.secret ? {} : { publicKey: pem };
  const provider = jwt({ issuer, clock, ...keys, ...options });
  const mounted = mount(auth, config, { side: "server", clock, authProviders: new Map([["users", provider]]) });
  const send = (token: string, scheme = "Bearer") =>
    mounted.send({}, { metadata: { authorization: `${scheme} ${token}` } });
  return { ...mounted, send, clock, provider };
}

test("a good token says who calls, with scopes, audiences and claims", async () => {
  const { send, seen, clock } = serve();
  await send(await mint(clock, { claims: { scope: "read write", aud: "shop", tenant: "t1" } }));
  await send(await mint(clock, { claims: { scp: ["read"], aud: ["shop", "bank"] } }), "bearer");
  expect(seen[0]?.principal).toMatchObject({
    subject: "ann",
    provider: "users",
    scopes: ["read", "write"],
    audiences: ["shop"],
    claims: { tenant: "t1", iss: issuer },
  });
  expect(seen[1]?.principal).toMatchObject({ scopes: ["read"], audiences: ["shop", "bank"] });
});

test("subject and scopes may come from other claims", async () => {
  const { send, seen, clock } = serve({ subjectClaim: "client_id", scopesClaim: "permissions" });
  await send(await mint(clock, { without: "sub", claims: { client_id: "cart", permissions: ["a"], scope: "b" } }));
  expect(seen[0]?.principal).toMatchObject({ subject: "cart", scopes: ["a"] });
});

test.each<[string, Minted | ((clock: FakeClock) => Minted), string]>([
  ["has expired", (clock) => ({ claims: { exp: seconds(clock) - 61 } }), "the token has expired: get a new one"],
  [
    "is not valid yet",
    (clock) => ({ claims: { nbf: seconds(clock) + 61 } }),
    'the token\'s claim "nbf" is missing or not accepted here',
  ],
  ["has no expiry", { without: "exp" }, 'the token\'s claim "exp" is missing or not accepted here'],
  [
    "has another issuer",
    { claims: { iss: "https://evil.example" } },
    'the token\'s claim "iss" is missing or not accepted here',
  ],
  ["has no issuer", { without: "iss" }, 'the token\'s claim "iss" is missing or not accepted here'],
  ["has another audience", { claims: { aud: "bank" } }, 'the token\'s claim "aud" is missing or not accepted here'],
  ["has no subject", { without: "sub", claims: { aud: "shop" } }, 'the token\'s claim "sub" does not name a caller'],
])("a token that %s is rejected", async (_, minted, text) => {
  const { send, clock, seen } = serve({ audiences: ["shop"] });
  const given = typeof minted === "function" ? minted(clock) : minted;
  await expect(send(await mint(clock, { ...given, claims: { aud: "shop", ...given.claims } }))).rejects.toMatchObject({
    ...rejected,
    text,
  });
  expect(seen).toHaveLength(0);
});

test("clocks may differ by the skew", async () => {
  const { send, clock } = serve();
  await send(await mint(clock, { claims: { exp: seconds(clock) - 59, nbf: seconds(clock) + 59 } }));
  const strict = serve({ clockSkewMs: 0 });
  await expect(strict.send(await mint(clock, { claims: { exp: seconds(clock) - 1 } }))).rejects.toMatchObject(rejected);
});

test("a token signed by another key is rejected", async () => {
  const { send, clock } = serve();
  await expect(send(await mint(clock, { key: other.privateKey }))).rejects.toMatchObject({
    ...rejected,
    text: "the token is not signed by a key of its issuer",
  });
});

test.each([
  [
    "without a signature",
    async (clock: FakeClock) => new UnsecuredJWT({ iss: issuer, sub: "ann", exp: seconds(clock) + 9 }).encode(),
  ],
  [
    "signed by HMAC with the public key as its secret",
    (clock: FakeClock) => mint(clock, { alg: "HS256", key: new TextEncoder().encode(pem) }),
  ],
  [
    "of an algorithm that does not go with the key",
    (clock: FakeClock) => mint(clock, { alg: "RS256", key: rsa.privateKey }),
  ],
  ["that is no JWT", async () => "opaque-token"],
  ["that is empty", async () => ""],
])("a token %s is rejected, and nothing of it is repeated", async (_, make) => {
  const { send, clock } = serve();
  const token = await make(clock);
  const error = (await send(token).catch((error) => error)) as Error;
  expect(error).toMatchObject(rejected);
  if (token) expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain(token.slice(0, 12));
  expect(error.cause).toBeUndefined();
});

test("an algorithm that the options leave out is rejected even with the right key", async () => {
  const { send, clock } = serve({ publicKey: rsaPem, algorithms: ["PS256"] });
  await expect(send(await mint(clock, { alg: "RS256", key: rsa.privateKey }))).rejects.toMatchObject(rejected);
});

test("another scheme is no bearer token, and two values are nobody's", async () => {
  const { clock, provider } = serve();
  const mounted = mount(auth, config, { side: "server", clock, authProviders: new Map([["users", provider]]) });
  const send = (authorization: string | string[]) => mounted.send({}, { metadata: { authorization } });
  const token = `Bearer ${await mint(clock)}`;
  await expect(send("Basic YTpi")).rejects.toMatchObject({ ...rejected, text: /needs credentials/ });
  await expect(send([token, token])).rejects.toMatchObject({ ...rejected, text: /several authorization values/ });
});

describe("a verified token", () => {
  test("is known at once, until it expires", async () => {
    const { send, clock, provider, seen } = serve({ clockSkewMs: 1000 });
    const token = await mint(clock, { claims: { exp: seconds(clock) + 60 } });
    await send(token);
    const [call] = seen;
    if (!call) throw new Error("the call did not arrive");
    expect(provider.authenticate(call)).toMatchObject({ subject: "ann" }); // no promise
    await clock.advance(60_999);
    expect(provider.authenticate(call)).toMatchObject({ subject: "ann" });
    await clock.advance(1);
    await expect(send(token)).rejects.toMatchObject({ ...rejected, text: /expired/ });
  });

  test("cannot be changed by one call for the next", async () => {
    const { send, clock, seen } = serve();
    await send(await mint(clock, { claims: { scope: "read", roles: { admin: false } } }));
    const [call] = seen;
    if (!call?.principal) throw new Error("the call did not arrive");
    const { scopes, claims } = call.principal;
    expect(() => (scopes as string[]).push("write")).toThrow(TypeError);
    expect(() => {
      (claims.roles as { admin: boolean }).admin = true;
    }).toThrow(TypeError);
  });

  test("is verified again after ten minutes, so that a key can be taken back", async () => {
    const { send, clock, provider, seen } = serve();
    await send(await mint(clock, { claims: { exp: seconds(clock) + 86_400 } }));
    const [call] = seen;
    if (!call) throw new Error("the call did not arrive");
    await clock.advance(10 * 60_000);
    const again = provider.authenticate(call);
    expect(again).toBeInstanceOf(Promise);
    expect(await again).toMatchObject({ subject: "ann" });
  });

  test("says nothing about a token that differs in one letter", async () => {
    const { send, clock } = serve();
    const token = await mint(clock);
    await send(token);
    const at = token.length - 10;
    const forged = `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`;
    await expect(send(forged)).rejects.toMatchObject(rejected);
  });
});

test("a shared secret works for HMAC and for nothing else", async () => {
  const secret = new Uint8Array(32).fill(7);
  const { send, clock } = serve({ secret });
  await send(await mint(clock, { alg: "HS256", key: secret }));
  await expect(send(await mint(clock))).rejects.toMatchObject(rejected);
});

test("a key set finds the key by its id, and tries all that fit a token without one", async () => {
  const keys = [
    { ...(await exportJWK(other.publicKey)), kid: "one", alg: "ES256" },
    { ...(await exportJWK(es.publicKey)), kid: "two", alg: "ES256" },
  ];
  const { send, clock } = serve({ jwks: { keys } });
  await send(await mint(clock, { kid: "two" }));
  await send(await mint(clock));
  await expect(send(await mint(clock, { kid: "one" }))).rejects.toMatchObject(rejected);
  await expect(send(await mint(clock, { kid: "three" }))).rejects.toMatchObject(rejected);
  await expect(send(await mint(clock, { key: (await generateKeyPair("ES256")).privateKey }))).rejects.toMatchObject(
    rejected,
  );
});

describe("keys from a URL", () => {
  let server: Server;
  let requests: number;
  let answer: { status: number; body: unknown };

  const uri = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  const key = async (pair: Pair, kid: string) => ({ ...(await exportJWK(pair.publicKey)), kid, alg: "ES256" });

  beforeAll(async () => {
    server = createServer((_, response) => {
      requests++;
      response.writeHead(answer.status, { "content-type": "application/json", connection: "close" });
      response.end(JSON.stringify(answer.body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const start = async (pair = es) => {
    requests = 0;
    answer = { status: 200, body: { keys: [await key(pair, "a")] } };
    return serve({ jwksUri: uri() });
  };

  test("are loaded once for any number of calls", async () => {
    const { send, clock } = await start();
    const tokens = await Promise.all([1, 2, 3].map((n) => mint(clock, { kid: "a", claims: { n } })));
    await Promise.all(tokens.map((token) => send(token)));
    expect(requests).toBe(1);
  });

  test("are loaded again for a key id that is new, but not for every forged one", async () => {
    const { send, clock } = await start();
    await send(await mint(clock, { kid: "a" }));
    answer = { status: 200, body: { keys: [await key(es, "a"), await key(other, "b")] } };
    const fresh = await mint(clock, { kid: "b", key: other.privateKey });
    await expect(send(fresh)).rejects.toMatchObject(rejected);
    expect(requests).toBe(1); // asked a moment ago

    await clock.advance(30_000);
    await send(fresh);
    expect(requests).toBe(2);
    for (const kid of ["x", "y", "z"]) await expect(send(await mint(clock, { kid }))).rejects.toMatchObject(rejected);
    expect(requests).toBe(2);
  });

  test("that grew old are used while newer ones are fetched, and kept when that fails", async () => {
    const { send, clock } = await start();
    await send(await mint(clock, { kid: "a" }));
    answer = { status: 500, body: {} };
    await clock.advance(11 * 60_000);
    await send(await mint(clock, { kid: "a" }));
    await expect.poll(() => requests).toBe(2);
    await clock.advance(24 * 3_600_000);
    await send(await mint(clock, { kid: "a" }));
    await expect.poll(() => requests).toBe(3);
  });

  test.each([
    ["an error", 503, {}],
    ["no key set", 200, { hello: "world" }],
  ])(
    "that never came, because the URL answers %s, make calls UNAVAILABLE, and are asked for again soon",
    async (_, status, body) => {
      const { send, clock } = await start();
      answer = { status, body };
      const unavailable = {
        code: "UNAVAILABLE",
        refusedBy: "auth",
        text: /^the keys that verify tokens cannot be loaded/,
      };
      await expect(send(await mint(clock, { kid: "a" }))).rejects.toMatchObject(unavailable);
      await expect(send(await mint(clock, { kid: "a" }))).rejects.toMatchObject(unavailable);
      expect(requests).toBe(1);

      answer = { status: 200, body: { keys: [await key(es, "a")] } };
      await clock.advance(1000);
      await send(await mint(clock, { kid: "a" }));
      expect(requests).toBe(2);
    },
  );

  test("that never came, because nobody answers, make calls UNAVAILABLE", async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const { send, clock } = serve({ jwksUri: `http://127.0.0.1:${port}/` });
    await expect(send(await mint(clock))).rejects.toMatchObject({ code: "UNAVAILABLE", refusedBy: "auth" });
  });
});

test.each<[string, () => Partial<JwtOptions>, RegExp]>([
  ["no key", () => ({}), /exactly one of jwksUri, jwks, publicKey and secret/],
  ["two kinds of keys", () => ({ publicKey: pem, secret: new Uint8Array(32) }), /exactly one of/],
  ["no issuer", () => ({ issuer: "", publicKey: pem }), /issuer is missing/],
  ["a secret that is short", () => ({ secret: new Uint8Array(8) }), /has 8 bytes/],
  ["HMAC with a public key", () => ({ publicKey: pem, algorithms: ["HS256"] }), /"HS256" does not go with public keys/],
  [
    "RSA with a secret",
    () => ({ secret: new Uint8Array(32), algorithms: ["RS256"] }),
    /"RS256" does not go with a secret/,
  ],
  ["the algorithm none", () => ({ publicKey: pem, algorithms: ["none"] }), /"none" does not go/],
  ["no algorithm", () => ({ publicKey: pem, algorithms: [] }), /algorithms is empty/],
  ["what is no key", () => ({ publicKey: "hello" }), /not a public key or certificate in PEM/],
  ["a private key", () => ({ publicKey: "-----BEGIN PRIVATE KEY-----" }), /holds a private key/],
  ["keys over plain http", () => ({ jwksUri: "http://issuer.example/keys" }), /not https/],
  ["what is no URL", () => ({ jwksUri: "issuer" }), /is not a URL/],
])("%s in the options is an error at once", (_, options, message) => {
  expect(() => jwt({ issuer, ...options() })).toThrow(message);
});

test("a server can find out before its first call that a key set is none", async () => {
  await jwt({ issuer, publicKey: pem }).ready?.();
  await expect(jwt({ issuer, jwks: { keys: "none" as never } }).ready?.()).rejects.toThrow(/malformed/);
});
