import { join } from "node:path";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { folderWith } from "../../test/config/files.ts";
import { loadConfig } from "./load.ts";

const yaml = `server:
  grpc: ":1"
  limits: { request_bytes: 1000 }
targets:
  - name: user-db
    address: "users:1"
auth:
  providers:
    - name: login
      jwt: { issuer: "https://login.test", jwksUri: "https://login.test/jwks.json" }
`;
const file = () => join(folderWith({ "mesh.yaml": yaml }), "mesh.yaml");

const load = (args: readonly string[], env: { [name: string]: string } = {}, path: string | undefined = file()) =>
  loadConfig({ file: path, args, env });

test("flags win over variables, variables over the file", async () => {
  const grpc = async (args: readonly string[], env: { [name: string]: string }) =>
    ((await load(args, env)).serve.grpc as { address: string }).address;
  const env = { MESH__SERVER__GRPC: ":2" };
  expect(await grpc([], {})).toBe(":1");
  expect(await grpc([], env)).toBe(":2");
  expect(await grpc(["--set", "server.grpc=:3"], env)).toBe(":3");
  expect(await grpc(["--set=server.grpc=:3", "--set=server.grpc=:4"], env)).toBe(":4");
});

test("the file itself is named by flag, then variable, then program", async () => {
  const other = join(folderWith({ "other.json": '{ "server": { "http": ":9" } }' }), "other.json");
  const third = join(folderWith({ "third.json": "{}" }), "third.json");
  expect((await load(["--config", other], { MESH_CONFIG: third })).serve.http).toEqual({ address: ":9" });
  expect((await load([`--config=${other}`])).serve.http).toEqual({ address: ":9" });
  expect((await load([], { MESH_CONFIG: other })).serve.http).toEqual({ address: ":9" });
  expect((await load([], { MESH_CONFIG: "" })).targets).toEqual(["user-db"]);
  expect((await loadConfig({ args: [], env: {} })).targets).toEqual([]);
});

test("values are read by the type of their field", async () => {
  const { serve, targets } = await load(["--set", "targets.user-db.connectTimeout=3s"], {
    MESH__SERVER__LIMITS__REQUEST_BYTES: "5000",
    MESH__SERVER__HEALTH: "false",
    MESH__SERVER__DRAIN: '{"limit":"2s"}',
    MESH__TARGETS__USER_DB__ADDRESS: "users:2",
    MESH__TARGETS__CARTS__ADDRESS: "carts:1",
    MESH__AUTH__PROVIDERS__LOGIN__JWT__AUDIENCES: "shop, till",
    MESH__AUTH__PROVIDERS__KEYS__API_KEY: "{}",
    MESH_OTHER: "not ours",
  });
  expect(serve).toMatchObject({ maxRequestBytes: 5000, health: false, drain: { limitMs: 2000 } });
  expect(targets).toEqual(["user-db", "carts"]);
  expect(Object.keys(serve.auth?.providers ?? {})).toEqual(["login", "keys"]);
});

test("a name with dots stands in brackets", async () => {
  expect((await load(["--set", "targets[users.v1].address=a:1"])).targets).toEqual(["user-db", "users.v1"]);
});

test("a member of a oneof gives way to one from a higher source", async () => {
  const folder = folderWith({ "mesh.yaml": yaml, secret: "0123456789abcdef0123456789abcdef" });
  const name = "MESH__AUTH__PROVIDERS__LOGIN__JWT__SECRET_FILE";
  await load([], { [name]: "secret" }, join(folder, "mesh.yaml"));
});

test("the program's own arguments are left alone", async () => {
  const own = ["--verbose", "--setup", "x", "serve", "--config-dir=y", "--", "--set", "a=b"];
  expect((await load(["--verbose", "--set", "server.grpc=:3", ...own.slice(1)])).rest).toEqual(own);
});

test("a file's name alone: neither arguments nor variables count", async () => {
  process.env.MESH__SERVER__GRPC = ":2";
  try {
    expect((await loadConfig(file())).serve.grpc).toEqual({ address: ":1", maxConnectionAgeMs: undefined });
  } finally {
    delete process.env.MESH__SERVER__GRPC;
  }
});

const known = "GRPC, HTTP, TLS, DRAIN, LIMITS, HEALTH, REFLECTION, LISTEN";
const wrong: readonly [args: readonly string[], env: { [name: string]: string }, text: string][] = [
  [
    [],
    { MESH__SERVER__GRPPC: "x" },
    `MESH__SERVER__GRPPC: unknown key "GRPPC", did you mean GRPC? Known keys: ${known}`,
  ],
  [
    [],
    { MESH__SEVER: "x" },
    'MESH__SEVER: unknown key "SEVER", did you mean SERVER? Known keys: SERVER, TARGETS, AUTH, OVERRIDES, GATEWAY',
  ],
  [[], { MESH__: "x" }, 'MESH__: unknown key "". Known keys: SERVER, TARGETS, AUTH, OVERRIDES, GATEWAY'],
  [
    [],
    { MESH__server__GRPC: "x" },
    'MESH__server__GRPC: unknown key "server", did you mean SERVER? Known keys: SERVER, TARGETS, AUTH, OVERRIDES, GATEWAY',
  ],
  [[], { MESH__SERVER: "x" }, "MESH__SERVER: must be an object: set its keys, or write it as JSON"],
  [[], { MESH__SERVER: '{"grpc": ":1"\nhunter2' }, 'MESH__SERVER:2:1: is not JSON: "," or "}" must be here'],
  [
    [],
    { MESH__OVERRIDES: '[{ "match": "*", "match": "a.*" }]' },
    'MESH__OVERRIDES:1: "match" is there twice: keep one',
  ],
  [
    [],
    { MESH__OVERRIDES: '[{ "match": "*", "__proto__": {} }]' },
    'MESH__OVERRIDES: overrides[0]: unknown key "__proto__". Known keys: match, policy, fault, split, mirror',
  ],
  [
    ["--set=auth.providers[x].jwt.audiences="],
    {},
    "--set auth.providers[x].jwt.audiences: has an empty item: write a,b or a list in JSON",
  ],
  [[], { MESH__SERVER: "[]" }, "MESH__SERVER: server: is a list, it must be an object"],
  [[], { MESH__SERVER__GRPC__PORT: "1" }, "MESH__SERVER__GRPC__PORT: grpc has no keys below it"],
  [[], { MESH__SERVER__HEALTH: "hunter2" }, "MESH__SERVER__HEALTH: must be true or false"],
  [[], { MESH__SERVER__HEALTH: "" }, "MESH__SERVER__HEALTH: must be true or false"],
  [
    [],
    { MESH__SERVER__LIMITS__REQUEST_BYTES: "4 MB" },
    "MESH__SERVER__LIMITS__REQUEST_BYTES: must be a whole number of at least 0",
  ],
  [
    [],
    { MESH__SERVER__DRAIN__LIMIT: "soon" },
    'MESH__SERVER__DRAIN__LIMIT: server.drain.limit: "soon" is not a duration above zero: write "250ms", "1.5s", "2m" or "24h"',
  ],
  [
    [],
    { MESH__TARGETS__USER_DB: "x" },
    "MESH__TARGETS__USER_DB: names no key of USER_DB: add one of NAME, ADDRESS, TLS, CONNECT_TIMEOUT",
  ],
  [[], { MESH__TARGETS__CARTS__TLS: "{}" }, "MESH__TARGETS__CARTS__TLS: targets[1].address: is missing"],
  [
    [],
    { MESH__OVERRIDES__0__MATCH: "*" },
    "MESH__OVERRIDES__0__MATCH: items of overrides have no names: write the whole list as JSON",
  ],
  [[], { MESH__OVERRIDES: "off" }, "MESH__OVERRIDES: must be a list: write it as JSON"],
  [
    [],
    { MESH__OVERRIDES: '[{"match":"*","policy":{"retry":{"attempts":99}}}]' },
    "MESH__OVERRIDES: overrides[0].policy.retry.attempts: 99 is out of range: use a number between 2 and 5",
  ],
  [[], { MESH_ALLOW_FAULTS: "maybe" }, "MESH_ALLOW_FAULTS: must be true or false"],
  [
    ["--set", "server.grcp=:1"],
    {},
    '--set server.grcp: unknown key "grcp", did you mean grpc? Known keys: grpc, http, tls, drain, limits, health, reflection, listen',
  ],
  [
    ["--set", "server.GRPC=:1"],
    {},
    '--set server.GRPC: unknown key "GRPC", did you mean grpc? Known keys: grpc, http, tls, drain, limits, health, reflection, listen',
  ],
  [
    ["--set", "server.limits.requestBytes=hunter2"],
    {},
    "--set server.limits.requestBytes: must be a whole number of at least 0",
  ],
  [["--set", "hunter2"], {}, "--set: is not key=value: write --set server.grpc=:50051"],
  [["--set"], {}, "--set: has no value: write --set server.grpc=:50051"],
  [["--config="], {}, "--config: has no value: write --config mesh.yaml"],
  [["--config", ""], {}, "--config: has no value: write --config mesh.yaml"],
  [["--config", "--verbose"], {}, "--config: has no value: write --config mesh.yaml"],
  [["--allow-faults=hunter2"], {}, "--allow-faults: must be true or false"],
];

test.each(wrong.map(([args, env, text]) => ({ args, env, text })))("refused: $text", async ({ args, env, text }) => {
  const error = await load(args, env).catch((error: Error) => error);
  expect(error).toBeInstanceOf(Error);
  expect((error as Error).message).toBe(text);
  expect(inspect(error)).not.toContain("hunter2");
});

test("parts go on top of the whole, in whichever order the environment has them", async () => {
  const [whole, part] = [
    ["MESH__SERVER", '{ "grpc": ":1", "http": ":2" }'],
    ["MESH__SERVER__GRPC", ":3"],
  ] as const;
  for (const env of [Object.fromEntries([whole, part]), Object.fromEntries([part, whole])]) {
    expect((await load([], env)).serve).toMatchObject({ grpc: { address: ":3" }, http: { address: ":2" } });
  }
});

test("two items that are spelled alike", async () => {
  const targets = '[{"name":"a-b","address":"a:1"},{"name":"a_b","address":"b:1"}]';
  await expect(load([`--set=targets=${targets}`], { MESH__TARGETS__A_B__ADDRESS: "c:1" })).resolves.toBeDefined();
  const path = join(folderWith({ "mesh.json": `{"targets":${targets}}` }), "mesh.json");
  await expect(load([], { MESH__TARGETS__A_B__ADDRESS: "c:1" }, path)).rejects.toThrow(
    "MESH__TARGETS__A_B__ADDRESS: several items are spelled A_B: rename one of them",
  );
});

test("an option that does not exist", async () => {
  await expect(loadConfig({ fil: "x" } as object)).rejects.toThrow('loadConfig: unknown key "fil", did you mean file?');
});
