import { execFile } from "node:child_process";
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { folderWith, kitchenSpec } from "../../test/config/files.ts";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { gate } from "../../test/over-grpc.ts";
import { get, kitchenWith, start, targetOf } from "../../test/serving.ts";
import { createClient, policyOf } from "../client.ts";
import { RpcError } from "../core/error.ts";
import type { MethodPolicy } from "../policies/index.ts";
import { FakeClock } from "../testing.ts";
import { type ConfigOptions, loadConfig, type Reload } from "./load.ts";

const total = (text: string, match = "*") =>
  `overrides:\n  - match: "${match}"\n    policy: { timeout: { total: ${text} } }\n`;

/** A watched configuration. `next` resolves with the next reload that is told. */
async function watched(file: string, options: ConfigOptions = {}) {
  const told: Reload[] = [];
  const warnings: string[] = [];
  let tell = () => {};
  const config = await loadConfig({
    file,
    args: [],
    env: {},
    logger: { warn: (text) => warnings.push(text) },
    onReload(reload) {
      told.push(reload);
      tell();
    },
    ...options,
  });
  onTestFinished(() => config.close());
  const next = async (): Promise<Reload> => {
    while (told.length === 0) {
      await new Promise<void>((resolve) => {
        tell = resolve;
      });
    }
    return told.shift() as Reload;
  };
  return { config, next, warnings, told };
}

/** The time that GetDish has. */
function timeOf({
  policies,
}: {
  policies: { methodOf(method: (typeof spec.methods)["getDish"]): { policy: object } };
}) {
  return (policies.methodOf(spec.methods.getDish).policy as MethodPolicy).timeout?.totalMs;
}
const spec = kitchenSpec({});

test("a changed file is taken over, and only methods that it changes get another policy", async () => {
  const file = join(folderWith({ "mesh.yaml": total("1s") }), "mesh.yaml");
  const { config, next } = await watched(file);
  config.policies.bind(spec);
  const { ping, getDish } = spec.methods;
  const [pingBefore, version] = [config.policies.methodOf(ping), config.policies.version];
  writeFileSync(file, `${total("1s")}${total("2s", "test.kitchen.v1.Kitchen/GetDish").replace("overrides:\n", "")}`);
  expect(await next()).toEqual({ ok: true, changed: [getDish.path], restart: [] });
  expect(timeOf(config)).toBe(2000);
  expect(config.policies.methodOf(ping)).toBe(pingBefore);
  expect(config.policies.version).toBe(version + 1);

  writeFileSync(file, "overrides: []\n");
  expect((await next()).changed).toHaveLength(8);
  expect(config.policies.methodOf(getDish)).toBe(getDish);
});

test("an edit that changes nothing in force changes nothing", async () => {
  const file = join(folderWith({ "mesh.yaml": total("1s") }), "mesh.yaml");
  const { config, next } = await watched(file);
  config.policies.bind(spec);
  const [before, version] = [config.policies.methodOf(spec.methods.ping), config.policies.version];
  writeFileSync(file, `# a comment\n${total("1000ms")}`);
  expect(await next()).toEqual({ ok: true, changed: [], restart: [] });
  expect(config.policies.methodOf(spec.methods.ping)).toBe(before);
  expect(config.policies.version).toBe(version);
});

test("an invalid edit keeps the last good one and says why; the next good one counts", async () => {
  const folder = folderWith({ "mesh.yaml": total("1s") });
  const file = join(folder, "mesh.yaml");
  const { config, next, warnings } = await watched(file);
  config.policies.bind(spec);
  const wrong: readonly [text: string, why: string][] = [
    ["overrides: [", `${file}:1:13: is not YAML: `],
    ["", `${file}: is empty: write {} when it shall say nothing`],
    ["overides: []", `${file}:1: unknown key "overides", did you mean overrides?`],
    [total("soon"), `${file}:3: overrides[0].policy.timeout.total: "soon" is not a duration`],
    [
      "overrides:\n  - match: test.kitchen.*\n    policy: { timeout: { total: 5s } }\n  - match: test.kitchen.v1.Kitchen/Chat\n    policy: { retry: { attempts: 2 } }\n",
      `${file}:5: overrides[1].policy.retry: /test.kitchen.v1.Kitchen/Chat: `,
    ],
    ["server: { drain: { limit: never } }", `${file}:1: server.drain.limit: "never" is not a duration`],
  ];
  for (const [text, why] of wrong) {
    writeFileSync(file, text);
    const { ok, error, changed } = await next();
    expect({ ok, changed }).toEqual({ ok: false, changed: [] });
    expect(error?.message).toContain(why);
    expect(warnings.at(-1)).toBe(`configuration not taken over, what was in force still is: ${error?.message}`);
    expect(timeOf(config)).toBe(1000);
  }
  expect(config.policies.version).toBe(0);
  writeFileSync(file, total("3s"));
  expect(await next()).toMatchObject({ ok: true });
  expect(timeOf(config)).toBe(3000);
});

test("editors that replace the file, deletion and re-creation", async () => {
  const folder = folderWith({ "mesh.yaml": total("1s") });
  const file = join(folder, "mesh.yaml");
  const { config, next } = await watched(file);
  config.policies.bind(spec);
  for (const seconds of [2, 3]) {
    writeFileSync(join(folder, ".mesh.yaml.swp"), total(`${seconds}s`));
    renameSync(join(folder, ".mesh.yaml.swp"), file);
    expect(await next()).toMatchObject({ ok: true });
    expect(timeOf(config)).toBe(seconds * 1000);
  }
  unlinkSync(file);
  expect((await next()).error?.message).toBe(`${file}: cannot be read (ENOENT)`);
  expect(timeOf(config)).toBe(3000);
  writeFileSync(file, total("4s"));
  expect(await next()).toMatchObject({ ok: true });
  expect(timeOf(config)).toBe(4000);

  rmSync(folder, { recursive: true });
  expect((await next()).ok).toBe(false);
  mkdirSync(folder);
  writeFileSync(file, total("5s"));
  expect(await next()).toMatchObject({ ok: true });
  expect(timeOf(config)).toBe(5000);
});

test("Kubernetes swaps the link ..data", async () => {
  const folder = folderWith();
  const publish = (version: string, text: string) => {
    mkdirSync(join(folder, version));
    writeFileSync(join(folder, version, "mesh.yaml"), text);
    symlinkSync(version, join(folder, "..data_tmp"));
    renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
  };
  publish("..2026_1", total("1s"));
  symlinkSync("..data/mesh.yaml", join(folder, "mesh.yaml"));
  const { config, next } = await watched(join(folder, "mesh.yaml"));
  config.policies.bind(spec);
  publish("..2026_2", total("2s"));
  rmSync(join(folder, "..2026_1"), { recursive: true });
  expect(await next()).toMatchObject({ ok: true });
  expect(timeOf(config)).toBe(2000);
});

test("where the folder tells nothing, the file is looked at every second", async () => {
  const [elsewhere, folder] = [folderWith({ "real.yaml": total("1s") }), folderWith()];
  symlinkSync(join(elsewhere, "real.yaml"), join(folder, "mesh.yaml"));
  const clock = new FakeClock();
  const { config, next, told } = await watched(join(folder, "mesh.yaml"), { clock });
  config.policies.bind(spec);
  writeFileSync(join(elsewhere, "real.yaml"), total("2s"));
  // The file system answers in its own time, and each answer may arm the next look.
  while (told.length === 0) await clock.advance(100);
  expect(await next()).toMatchObject({ ok: true });
  expect(timeOf(config)).toBe(2000);
  expect(clock.pending).toBeLessThanOrEqual(2);
  await config.close();
  expect(clock.pending).toBe(0);
});

test("sections that need a restart are named, once, and the overrides count all the same", async () => {
  const file = join(folderWith({ "mesh.yaml": total("1s") }), "mesh.yaml");
  const { config, next, warnings } = await watched(file);
  config.policies.bind(spec);
  writeFileSync(file, `server: { grpc: ":1" }\ntargets: [{ name: a, address: "b:1" }]\n${total("2s")}`);
  expect(await next()).toMatchObject({ ok: true, restart: ["server", "targets"] });
  expect(timeOf(config)).toBe(2000);
  expect(warnings).toEqual([`${file}: changed server and targets: restart to take that over`]);
  writeFileSync(file, `server: { grpc: ":1" }\ntargets: [{ name: a, address: "b:1" }]\n${total("3s")}`);
  expect(await next()).toMatchObject({ ok: true, restart: ["server", "targets"] });
  expect(warnings).toHaveLength(1);
  const split = "{ targets: [{ target: a, weight: 1 }] }";
  writeFileSync(file, `targets: [{ name: a, address: "b:1" }]\noverrides: [{ match: "*", split: ${split} }]`);
  expect((await next()).error?.message).toContain('no target is named "a". Named are: none. New ones need a restart');
});

test("variables and flags stay on top of a changed file", async () => {
  const file = join(folderWith({ "mesh.yaml": total("1s") }), "mesh.yaml");
  const { config, next } = await watched(file, {
    env: { MESH__OVERRIDES: '[{"match":"*","policy":{"timeout":{"total":"9s"}}}]' },
  });
  config.policies.bind(spec);
  expect(timeOf(config)).toBe(9000);
  writeFileSync(file, total("2s"));
  expect(await next()).toEqual({ ok: true, changed: [], restart: [] });
});

test("a change between reading and the first use is seen", async () => {
  const file = join(folderWith({ "mesh.yaml": total("1s") }), "mesh.yaml");
  const { config, next } = await watched(file);
  writeFileSync(file, total("2s"));
  config.policies.bind(spec);
  expect(await next()).toMatchObject({ ok: true });
  expect(timeOf(config)).toBe(2000);
});

test("a listener that throws does not stop the watching", async () => {
  const file = join(folderWith({ "mesh.yaml": total("1s") }), "mesh.yaml");
  let count = 0;
  const opened = gate();
  const { config } = await watched(file, {
    logger: {
      warn() {
        throw new Error("the log is down");
      },
    },
    onReload() {
      count += 1;
      if (count === 2) opened.open();
      else writeFileSync(file, total("2s"));
      throw new Error("bug");
    },
  });
  config.policies.bind(spec);
  writeFileSync(file, "{");
  await opened.promise;
  expect(timeOf(config)).toBe(2000);
});

test("end to end: calls under way keep their policy, later ones have the new one, at every door", async () => {
  const retry = (attempts: number) =>
    JSON.stringify({
      overrides: [
        { match: "test.kitchen.v1.Kitchen/GetDish", policy: { retry: { attempts, initial: "1ms" } } },
        { match: "*", policy: { rateLimit: [{ name: "all", rate: "1000/s", burst: attempts * 100 }] } },
      ],
    });
  const file = join(folderWith({ "mesh.json": retry(2) }), "mesh.json");
  const { config, next } = await watched(file);
  let attempts = 0;
  const [arrived, held] = [gate(), gate()];
  const services = [
    kitchenWith({
      async getDish({ name }) {
        attempts += 1;
        if (name === "held") {
          arrived.open();
          await held.promise;
        }
        throw new RpcError("UNAVAILABLE", "burnt");
      },
      async ping() {
        return { seconds: 0n, nanos: 0 } as never;
      },
      async createDish() {
        return Dish.create();
      },
    }),
  ];
  const server = await start({ ...config.serve, services, grpc: "127.0.0.1:0" });
  const front = await start({
    policies: config.policies,
    forward: [{ spec: Kitchen, target: targetOf(server) }],
    http: "127.0.0.1:0",
  });
  const kitchen = createClient(Kitchen, targetOf(server), { policies: config.policies });
  const order = (name: string) =>
    kitchen.getDish({ name, id: 1n, withRecipe: false }).catch((error: RpcError) => error.code);

  expect(await order("")).toBe("UNAVAILABLE");
  expect(attempts).toBe(2);
  attempts = 0;
  const underWay = order("held");
  await arrived.promise;
  writeFileSync(file, retry(4));
  expect(await next()).toMatchObject({ ok: true });
  held.open();
  expect(await underWay).toBe("UNAVAILABLE");
  expect(attempts).toBe(2);

  attempts = 0;
  await order("");
  expect(attempts).toBe(4);
  expect(policyOf(kitchen).getDish).toMatchObject({ retry: { attempts: 4 }, rateLimit: [{ burst: 400 }] });

  attempts = 0;
  expect((await get(`${front.http?.url}/v1/dishes/1`)).response.statusCode).toBe(503);
  expect(attempts).toBe(4);
});

test("the gateway's own deadline follows, also in front of a local service", async () => {
  const file = join(folderWith({ "mesh.yaml": "overrides: []" }), "mesh.yaml");
  const { config, next } = await watched(file);
  const services = [
    kitchenWith({ getDish: (_, { signal }) => new Promise((_, fail) => signal.addEventListener("abort", fail)) }),
  ];
  const server = await start({ ...config.serve, services, http: "127.0.0.1:0" });
  writeFileSync(file, total("20ms"));
  expect(await next()).toMatchObject({ ok: true });
  expect((await get(`${server.http?.url}/v1/dishes/1`)).response.statusCode).toBe(504);
});

test("an edit that a server cannot carry out changes nothing anywhere, at once", async () => {
  const file = join(folderWith({ "mesh.yaml": total("1s") }), "mesh.yaml");
  const { config, next } = await watched(file);
  const server = await start({ ...config.serve, services: [kitchenWith()], grpc: "127.0.0.1:0" });
  const kitchen = createClient(Kitchen, targetOf(server), { policies: config.policies });
  const wrong: readonly [policy: string, why: string][] = [
    ["rateLimit: [{ name: all, rate: 9/s, shared: true }]", "which needs a store"],
    ["auth: { access: AUTHENTICATED, providers: [nobody] }", "needs authenticated callers, but the server has no auth"],
  ];
  for (const [policy, why] of wrong) {
    writeFileSync(file, `${total("2s")}  - match: test.kitchen.v1.Kitchen/GetDish\n    policy: { ${policy} }\n`);
    const { ok, error, changed } = await next();
    expect({ ok, changed }).toEqual({ ok: false, changed: [] });
    expect(error?.message).toContain(`${file}:4: overrides[1]: /test.kitchen.v1.Kitchen/GetDish: `);
    expect(error?.message).toContain(why);
    expect(policyOf(kitchen).ping.timeout).toEqual({ totalMs: 1000 });
  }
});

test("warnings are those of what is in force, told once", async () => {
  const ttl = (hours: number, more = "") =>
    `overrides:\n  - match: test.kitchen.v1.Kitchen/GetDish\n    policy: { cache: { ttl: ${hours}h } ${more} }\n`;
  const file = join(folderWith({ "mesh.yaml": ttl(2) }), "mesh.yaml");
  const { config, next, warnings } = await watched(file);
  const about = () => warnings.splice(0).map((text) => /for (\d+) hours|not taken over/.exec(text)?.[0]);
  config.policies.bind(spec);
  expect(about()).toEqual(["for 2 hours"]);
  for (const [text, said] of [
    [`${ttl(2)}# the same`, []],
    [ttl(3, ", timeout: { attempt: 2s, total: 1s }"), ["not taken over"]],
    [ttl(3), ["for 3 hours"]],
    [ttl(1), []],
    [ttl(3), ["for 3 hours"]],
  ] as const) {
    writeFileSync(file, text);
    await next();
    expect(about()).toEqual(said);
  }
});

test("the limit of a body follows, in front of a local service and of a remote one", async () => {
  const file = join(folderWith({ "mesh.yaml": "overrides: []" }), "mesh.yaml");
  const { config, next } = await watched(file);
  const server = await start({ ...config.serve, services: [kitchenWith()], grpc: "127.0.0.1:0", http: "127.0.0.1:0" });
  const front = await start({
    policies: config.policies,
    forward: [{ spec: Kitchen, target: targetOf(server) }],
    http: "127.0.0.1:0",
  });
  const statuses = async () => {
    const body = JSON.stringify({ name: "soup".repeat(100) });
    const headers = { "content-type": "application/json" };
    const post = ({ http }: typeof server) => fetch(`${http?.url}/v1/dishes`, { method: "POST", headers, body });
    return (await Promise.all([server, front].map(post))).map(({ status }) => status);
  };
  expect(await statuses()).toEqual([200, 200]);
  writeFileSync(file, 'overrides: [{ match: "*", policy: { limits: { requestBytes: 100 } } }]');
  expect(await next()).toMatchObject({ ok: true });
  expect(await statuses()).toEqual([413, 413]);
});

test("watching keeps no process alive", async () => {
  const file = join(folderWith({ "mesh.yaml": total("1s") }), "mesh.yaml");
  const program = fileURLToPath(new URL("../../test/config/watching.ts", import.meta.url));
  const args = ["--conditions=@protomesh/source", "--import", "tsx", program, "--config", file, "--own"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
  expect(stdout).toBe("--own\n");
});
