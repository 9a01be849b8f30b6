import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { createKitchenClient } from "../../test/kitchen/kitchen_mesh.ts";
import { kitchenWith, start } from "../../test/serving.ts";
import { Metadata } from "../core/metadata.ts";
import type { AuthProvider } from "../core/policy.ts";
import { type LoadedConfig, loadConfig } from "./load.ts";

/** A folder with a configuration, and other files if need be. */
function write(config: unknown, files: { [name: string]: string } = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "mesh-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const all = { "mesh.json": typeof config === "string" ? config : JSON.stringify(config), ...files };
  for (const [name, text] of Object.entries(all)) writeFileSync(join(folder, name), text);
  return join(folder, "mesh.json");
}

const load = (config: unknown, files?: { [name: string]: string }): Promise<LoadedConfig> =>
  loadConfig(write(config, files));

test("a full server becomes serve's options", async () => {
  const file = write({
    server: {
      grpc: "0.0.0.0:50051",
      http: ":8080",
      tls: { certFile: "tls/server.pem", keyFile: "/etc/server.key", clientCaFile: "tls/ca.pem" },
      drain: { lameDuck: "1.5s", limit: "1m" },
      limits: {
        requestBytes: 1000,
        headerBytes: 2000,
        headersTimeout: "3s",
        requestTimeout: "4s",
        keepAlive: "5s",
        sendTimeout: "6s",
        connectionAge: "1h",
      },
      health: false,
      reflection: true,
    },
  });
  const { policies: _, ...sections } = (await loadConfig(file)).serve;
  expect(sections).toEqual({
    grpc: { address: "0.0.0.0:50051", maxConnectionAgeMs: 3_600_000 },
    http: {
      address: ":8080",
      maxHeaderBytes: 2000,
      headersTimeoutMs: 3_000,
      requestTimeoutMs: 4_000,
      keepAliveMs: 5_000,
      sendTimeoutMs: 6_000,
    },
    tls: { cert: join(file, "../tls/server.pem"), key: "/etc/server.key", ca: join(file, "../tls/ca.pem") },
    drain: { lameDuckMs: 1_500, limitMs: 60_000 },
    maxRequestBytes: 1000,
    health: false,
    reflection: true,
  });
});

test("what the file does not say, it does not decide", async () => {
  expect(await load({})).toMatchObject({ serve: {}, targets: [] });
  const { serve } = await load({ server: { http: ":0", drain: { limit: "1s" }, grpc: null } });
  expect(Object.keys(serve)).toEqual(["http", "drain", "policies"]);
  expect(Object.keys(serve.drain ?? {})).toEqual(["limitMs"]);
});

test("names may be written as in the proto file, as ProtoJSON allows", async () => {
  expect((await load({ server: { drain: { lame_duck: "1s" } } })).serve.drain).toEqual({ lameDuckMs: 1_000 });
});

test("the file that the documentation shows", async () => {
  const config = await loadConfig(fileURLToPath(new URL("../../test/config/mesh.json", import.meta.url)));
  expect(config.targets).toEqual(["inventory"]);
  expect(Object.keys(config.serve.auth?.providers ?? {})).toEqual(["login", "machines"]);
  expect(config.serve.drain).toEqual({ lameDuckMs: 5_000, limitMs: 10_000 });
});

test("a server runs by its configuration, and a target leads to it", async () => {
  const file = write({ server: { grpc: ":0", tls: { certFile: "server.pem", keyFile: "server.key" } } });
  const tls = fileURLToPath(new URL("../../test/tls/", import.meta.url));
  for (const name of ["server.pem", "server.key", "ca.pem"]) copyFileSync(join(tls, name), join(file, "..", name));
  const served = await loadConfig(file);
  onTestFinished(() => served.close());
  const server = await start({ services: [kitchenWith()], ...served.serve });

  mkdirSync(join(file, "../client"));
  const clientFile = join(file, "../client/mesh.json");
  const address = `localhost:${server.grpc?.port}`;
  const kitchen = { name: "kitchen", address, connectTimeout: "2s", tls: { caFile: "../ca.pem" } };
  writeFileSync(clientFile, JSON.stringify({ targets: [kitchen, { name: "other", address: "dns:///other:1" }] }));
  const config = await loadConfig(clientFile);
  expect(config.targets).toEqual(["kitchen", "other"]);
  const target = config.connect("kitchen");
  onTestFinished(() => target.close());
  expect(await createKitchenClient(target).getDish({ name: "", id: 7n, withRecipe: false })).toMatchObject({ id: 7n });

  expect(() => config.connect("kitchn")).toThrow(
    `${clientFile}:1: targets: no target is named "kitchn". Named are: kitchen, other`,
  );
});

/** Asks a provider about a call with these headers. */
const authenticate = async (provider: AuthProvider | undefined, headers: { [name: string]: string }) =>
  provider?.authenticate({ metadata: Metadata.from(headers) } as Parameters<AuthProvider["authenticate"]>[0]);

test("providers of all kinds, by their names", async () => {
  const secret = "0123456789abcdef0123456789abcdef";
  const sha256 = createHash("sha256").update("open sesame").digest("hex");
  const { serve } = await load(
    {
      auth: {
        providers: [
          {
            name: "login",
            jwt: { issuer: "https://login.test", secretFile: "secret", audiences: ["shop"], subjectClaim: "user" },
          },
          { name: "machines", apiKey: { header: "x-key", keys: [{ sha256, subject: "till", scopes: ["sell"] }] } },
          { name: "peers", mtls: { callers: [{ id: "spiffe://kitchen.test/*" }] } },
        ],
      },
    },
    { secret },
  );
  const { login, machines, peers } = serve.auth?.providers ?? {};

  const token = (audience: string) =>
    new SignJWT({ user: "ada" })
      .setProtectedHeader({ alg: "HS256" })
      .setIssuer("https://login.test")
      .setAudience(audience)
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(secret));
  const bearer = async (audience: string) => ({ authorization: `Bearer ${await token(audience)}` });
  expect(await authenticate(login, await bearer("shop"))).toMatchObject({ subject: "ada" });
  await expect(authenticate(login, await bearer("zoo"))).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  expect(await authenticate(machines, { "x-key": "open sesame" })).toMatchObject({ subject: "till", scopes: ["sell"] });
  expect(await authenticate(peers, {})).toBeUndefined();
});

const jwt = (more: object) => ({ auth: { providers: [{ name: "login", jwt: { issuer: "i", ...more } }] } });

const wrong: readonly [config: unknown, text: string][] = [
  ["{", "mesh.json:1:2: is not JSON: "],
  ['{\n  "server": { "grpc": ":1" "http": 1 }\n}', "mesh.json:2:28: is not JSON: "],
  [[], "mesh.json:1: is a list, it must be an object"],
  ["5", "mesh.json:1: is a number, it must be an object"],
  [
    { sever: {} },
    'mesh.json:1: unknown key "sever", did you mean server? Known keys: server, targets, auth, overrides',
  ],
  [
    { server: { htpp: ":0" } },
    'mesh.json:1: server: unknown key "htpp", did you mean http? Known keys: grpc, http, tls,',
  ],
  [{ targets: [{}, { nme: "a" }] }, 'mesh.json:1: targets[1]: unknown key "nme", did you mean name?'],
  [{ server: { grpc: 50051 } }, "mesh.json:1: server.grpc: is a number, it must be text"],
  [{ server: { health: "yes" } }, "mesh.json:1: server.health: is text, it must be true or false"],
  [
    { server: { limits: { requestBytes: -1 } } },
    "limits.requestBytes: is a number, it must be a whole number of at least 0",
  ],
  [
    { server: { limits: { requestBytes: 1.5 } } },
    "limits.requestBytes: is a number, it must be a whole number of at least 0",
  ],
  [{ server: [] }, "mesh.json:1: server: is a list, it must be an object"],
  [{ targets: {} }, "mesh.json:1: targets: is an object, it must be a list"],
  [{ targets: [null] }, "mesh.json:1: targets[0]: is null, it must be an object"],
  [jwt({ audiences: ["a", 1] }), "auth.providers[0].jwt.audiences[1]: is a number, it must be text"],
  [
    { server: { drain: { limit: "10" } } },
    'mesh.json:1: server.drain.limit: "10" is not a duration above zero: write "250ms"',
  ],
  [{ server: { drain: { lameDuck: "0s" } } }, 'mesh.json:1: server.drain.lameDuck: "0s" is not a duration above zero'],
  [
    { targets: [{ name: "a", address: "b:1", connectTimeout: "soon" }] },
    'targets[0].connectTimeout: "soon" is not a duration',
  ],
  [{ targets: [{ name: "a" }] }, "mesh.json:1: targets[0].address: is missing"],
  [{ targets: [{ address: "b:1" }] }, "mesh.json:1: targets[0].name: is missing"],
  [
    {
      targets: [
        { name: "a", address: "b:1" },
        { name: "a", address: "c:1" },
      ],
    },
    'mesh.json:1: targets[1].name: "a" is taken: names must differ',
  ],
  [{ server: { tls: { certFile: "c.pem" } } }, "mesh.json:1: server.tls.keyFile: is missing"],
  [{ auth: { providers: [{ name: "a" }] } }, "mesh.json:1: auth.providers[0]: says no kind: add jwt, apiKey or mtls"],
  [{ auth: { providers: [{ mtls: {} }] } }, "mesh.json:1: auth.providers[0].name: is missing"],
  [
    {
      auth: {
        providers: [
          { name: "a", mtls: {} },
          { name: "a", mtls: {} },
        ],
      },
    },
    'mesh.json:1: auth.providers[1].name: "a" is taken: names must differ',
  ],
  [
    { auth: { providers: [{ name: "a", mtls: {}, jwt: {} }] } },
    "auth.providers[0]: mtls and jwt exclude each other: keep one",
  ],
  [
    { server: { drain: { lameDuck: "1s", lame_duck: "2s" } } },
    "server.drain: lameDuck and lame_duck exclude each other",
  ],
  [jwt({}), "mesh.json:1: auth.providers[0].jwt: says no keys: add jwksUri, jwksFile, publicKeyFile or secretFile"],
  [
    jwt({ secretFile: "none" }),
    "mesh.json:1: auth.providers[0].jwt.secretFile: the file it names cannot be read (ENOENT)",
  ],
  [jwt({ secretFile: "short" }), "mesh.json:1: auth.providers[0].jwt: secret has 5 bytes, which can be guessed"],
  [jwt({ jwksFile: "short" }), "auth.providers[0].jwt.jwksFile: short is not a JSON Web Key Set"],
  [jwt({ jwksFile: "mesh.json" }), "auth.providers[0].jwt.jwksFile: mesh.json is not a JSON Web Key Set"],
  [jwt({ secretFile: "short", clockSkew: "1" }), 'auth.providers[0].jwt.clockSkew: "1" is not a duration'],
  [jwt({ publicKeyFile: "short" }), "auth.providers[0].jwt: publicKey is not a public key or certificate in PEM"],
  [
    { auth: { providers: [{ name: "a", apiKey: { keys: [{ sha256: "ab", subject: "till" }] } }] } },
    'auth.providers[0].apiKey: sha256 of "till" is not 64 hex digits',
  ],
  [
    { auth: { providers: [{ name: "a", mtls: { callers: [{ id: "bob" }] } }] } },
    'auth.providers[0].mtls: "bob" is not a SPIFFE id',
  ],
];

test.each(wrong.map(([config, text]) => ({ config, text })))("refused: $text", async ({ config, text }) => {
  const error = await load(config, { short: "12345" }).then(
    () => "nothing",
    (error: Error) => error.message,
  );
  expect(error).toContain(text);
});

test("a file that is not there", async () => {
  await expect(loadConfig("/no/such.json")).rejects.toThrow("/no/such.json: cannot be read (ENOENT)");
});

test("errors do not repeat values, which may be secrets in the wrong place", async () => {
  const secret = "hunter2-hunter2";
  const errors = [{ server: { health: secret } }, { auth: secret }, { targets: [secret] }, { server: { tls: secret } }];
  const misplaced = jwt({ secretFile: secret });
  for (const config of [misplaced, ...errors, `{ "auth": ${secret} }`, `{ "auth": "${secret}`, secret]) {
    const error = await load(config).catch((error: Error) => error);
    expect(error).toBeInstanceOf(Error);
    expect(inspect(error)).not.toContain("hunter2");
  }
});
