// Runs docs/recipes.md: every file and every command of it, in new git repositories with the packages as npm would install them.
import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { diagnosticsOf } from "./recipes/language-server.ts";
import { makePackages } from "./recipes/packages.ts";
import { preCommit } from "./recipes/pre-commit.ts";
import { Project, page } from "./recipes/project.ts";
import { faultsOf, runJob } from "./recipes/workflow.ts";

const proto = "proto/greet/v1/greet.proto";
const generated = "gen/greet/v1/greet_mesh.ts";
const framework = preCommit();
let packages: string;

beforeAll(() => {
  packages = makePackages();
}, 240_000);

afterAll(() => rmSync(packages, { recursive: true }));

function project(...recipes: string[]): Project {
  const made = new Project(packages, ...recipes);
  onTestFinished(() => made.remove());
  return made;
}

/** What is wrong enough for every recipe that looks at differences. */
const loosen = (made: Project) => made.edit(proto, "access: AUTHENTICATED", "access: PUBLIC");
const tighten = (made: Project) => {
  made.edit(proto, "access: PUBLIC", "access: AUTHENTICATED");
  made.edit(proto, '      rate_limit: { name: "per address" rate: "100/s" by: "peer" }\n', "");
};

test("every recipe of the page is run here", () => {
  const recipes = new Set(page.map(({ attributes }) => attributes.in).filter((name) => name !== undefined));
  expect([...recipes]).toEqual([
    "lint",
    "breaking",
    "actions",
    "pre-commit",
    "hook",
    "managed",
    "monorepo",
    "registry",
  ]);
});

test("buf lint reports policies, and except, ignore_only, comments and options mean what they say", () => {
  const made = project("lint");
  const lint = () => made.run(Project.text("lint", "sh"));
  made.must(Project.text("lint", "sh"));
  const batch = made.read(proto).replaceAll("greet.v1", "batch.v1").replace('    timeout: { total: "2s" }\n', "");
  made.write("proto/batch/v1/batch.proto", batch.replaceAll("/v1/greetings", "/v1/batches"));
  made.must("buf lint");
  rmSync(`${made.folder}/proto/batch`, { recursive: true });

  made.edit(proto, '    timeout: { total: "2s" }\n', "");
  expect(lint()).toMatchObject({
    status: 100,
    output: expect.stringMatching(/^proto\/greet\/v1\/greet\.proto:9:1:.*no level sets timeout\.total/m),
  });
  made.edit(proto, "service Greeter", "// buf:lint:ignore MESH_TIMEOUT_MISSING\nservice Greeter");
  made.must("buf lint");

  made.edit(proto, "    option idempotency_level = NO_SIDE_EFFECTS;\n", "");
  made.edit(proto, "      retry: { attempts: 3 }\n", "");
  made.must("buf lint");
  made.edit("buf.yaml", ", MESH_AUTH_PUBLIC_SIDE_EFFECTS]", "]");
  expect(lint()).toMatchObject({ status: 100, output: expect.stringContaining("everybody may call") });

  made.edit("buf.yaml", "unannotated: post", "unanotated: post");
  expect(lint().output).toContain("unknown option unanotated of buf-plugin-mesh: did you mean unannotated?");
}, 240_000);

test("buf breaking and protomesh diff let a version through that is the same, and stop one that is less secure", () => {
  const made = project("lint");
  tighten(made);
  made.publish();
  made.must(Project.text("breaking", "sh"));
  loosen(made);
  expect(made.run("npx buf breaking --against ../base")).toMatchObject({
    status: 100,
    output: expect.stringMatching(/greet\.proto:11:13:.*AUTHENTICATED is now PUBLIC/),
  });
  expect(made.run("npx protomesh diff proto --against main")).toMatchObject({
    status: 3,
    output: expect.stringContaining("Security loosened"),
  });
}, 240_000);

test("GitHub's parser takes the workflow, and its steps do what the page says", async () => {
  const made = project("lint", "actions");
  tighten(made);
  made.must("buf generate");
  made.publish();
  const workflow = made.read(".github/workflows/protos.yaml");
  expect(await faultsOf(workflow)).toEqual([]);
  expect(await faultsOf(workflow.replace("runs-on", "run-on"))).toEqual(
    expect.arrayContaining([expect.stringContaining("run-on")]),
  );
  made.program("gh", '#!/bin/sh\necho "$@" >> "$ASKED"\n');
  const pull = () => {
    made.must("rm -rf ../runner ../summary ../asked policy.md && git worktree prune && touch ../summary ../asked");
    const ran = runJob(made, workflow, {
      GITHUB_BASE_REF: "main",
      GITHUB_STEP_SUMMARY: "../summary",
      ASKED: "../asked",
    });
    return Object.fromEntries(ran.map(({ name, status }) => [name, status]));
  };
  const passed = {
    "Policy against the base": 0,
    Summary: 0,
    Comment: 0,
    Lint: 0,
    "Generated code": 0,
    "Messages against the base": 0,
  };
  expect(pull()).toEqual(passed);
  expect(made.read("../summary")).toContain("None: every method resolves to the same policy.");

  loosen(made);
  expect(pull()).toEqual({
    ...passed,
    "Policy against the base": 3,
    "Generated code": 1,
    "Messages against the base": 100,
  });
  expect(made.read("../summary")).toContain("| **Security loosened** | 1 |");
  expect(made.read("../asked")).toMatch(/^pr comment .* --edit-last --create-if-none --body-file policy\.md\n$/);
}, 240_000);

test.skipIf(framework.missing)(
  "pre-commit runs the hooks of the project",
  () => {
    const made = project("lint", "pre-commit");
    const { PYTHONPATH = "", PRE_COMMIT = "" } = framework.env ?? {};
    const env = { PYTHONPATH, PRE_COMMIT_HOME: `${made.folder}/../pre-commit` };
    tighten(made);
    made.must("buf generate");
    made.publish();
    made.must(`PATH="${PRE_COMMIT}:$PATH"\n${Project.text("pre-commit", "sh")}`, env);
    const commit = (message: string) => made.run(`git add --all && git commit --message ${message}`, env);

    made.edit(proto, "// Says hello.", "// Says hello, in time.");
    expect(commit("stale")).toMatchObject({
      status: 1,
      output: expect.stringMatching(/buf lint\.+Passed[\s\S]*generated code is up to date\.+Failed/),
    });
    made.must("buf generate");
    expect(commit("fresh").output).toMatch(/generated code is up to date\.+Passed/);
    made.edit(proto, '    timeout: { total: "2s" }\n', "");
    expect(commit("timeless").output).toMatch(/buf lint\.+Failed[\s\S]*no level sets timeout\.total/);
    made.must("git checkout --quiet HEAD -- proto");
    loosen(made);
    made.must("buf generate");
    made.must("git checkout --quiet -b open");
    expect(commit("open").status).toBe(0);
    expect(made.run("git push origin open", env)).toMatchObject({
      status: 1,
      output: expect.stringMatching(/no policy is loosened\.+Failed[\s\S]*Security loosened/),
    });
  },
  240_000,
);

test.runIf(framework.missing)("without pre-commit its recipe is not run", () => {
  console.warn(`*** docs/recipes.md: the recipe of pre-commit was NOT run: ${framework.missing} ***`);
});

test("a plain hook stops what is loosened, stale or wrong, and leaves other commits alone", () => {
  const made = project("lint", "hook");
  tighten(made);
  made.must("buf generate");
  made.publish();
  made.must(Project.text("hook", "sh"));
  const commit = () => made.run("git add --all && git commit --quiet --message next");
  made.write("notes.txt", "nothing to check\n");
  expect(commit().status).toBe(0);
  loosen(made);
  expect(commit()).toMatchObject({ status: 1 });
  made.must("buf generate");
  expect(commit()).toMatchObject({ status: 1, output: expect.stringContaining("Security loosened") });
  made.must("git checkout --quiet HEAD -- .");
  made.edit(proto, "// Says hello.", "// Says hello, in time.");
  made.must("buf generate");
  expect(commit().status).toBe(0);
}, 240_000);

test("managed mode changes nothing of what is generated but embedded descriptors", () => {
  const plain = project("lint");
  const managed = project("lint", "managed");
  for (const made of [plain, managed]) made.must("buf generate");
  const [byPlain, byManaged] = [plain, managed].map((made) => made.read(generated).split("\n"));
  const different = byPlain?.filter((line, index) => line !== byManaged?.[index]);
  expect(different).toEqual([expect.stringMatching(/^ {2}"[A-Za-z\d+/=]+";$/)]);
  expect(byManaged).toHaveLength(byPlain?.length as number);
  expect(managed.read("gen/greet/v1/greet.ts")).toBe(plain.read("gen/greet/v1/greet.ts"));
  // That it is on: another plugin of the same run gets the option.
  managed.program("capture.mjs", `#!${process.execPath}\nprocess.stdin.pipe(process.stderr);\n`);
  managed.edit("buf.gen.yaml", "local: protoc-gen-mesh", "local: ../bin/capture.mjs");
  expect(managed.run("buf generate").output).toContain("example.com/shop/gen/greet/v1;greetv1");
}, 240_000);

test("modules share profiles, and a loosened profile shows at the methods that it reaches", () => {
  const made = project("monorepo");
  rmSync(`${made.folder}/proto`, { recursive: true });
  const printed = made.must(Project.text("monorepo", "sh"));
  expect(printed).toContain("acme.policy.v1.internal");
  expect(made.read("gen/acme/orders/v1/orders_mesh.ts")).toContain("AUTHENTICATED");
  made.publish();
  made.must("protomesh diff --against main");
  made.edit("policy/acme/policy/v1/profiles.proto", "AUTHENTICATED", "PUBLIC");
  const { status, output } = made.run("protomesh diff --against main");
  expect([status, output]).toEqual([3, expect.stringContaining(Project.text("monorepo", "text"))]);
  made.edit("orders/acme/orders/v1/orders.proto", "v1.internal", "v1.internl");
  expect(made.run("buf lint")).toMatchObject({
    status: 100,
    output: expect.stringMatching(/orders\.proto:10:\d+:.*did you mean "acme\.policy\.v1\.internal"/),
  });
}, 240_000);

test("buf reads the file with dependencies from the registry", () => {
  const made = project("registry");
  expect(made.must("buf config ls-modules")).toBe("node_modules/protoc-gen-mesh/proto\nproto\n");
  made.edit("buf.yaml", "buf.build/googleapis/googleapis", "googleapis");
  expect(made.run("buf config ls-modules")).toMatchObject({ status: 1, output: expect.stringContaining("googleapis") });
});

test("an editor gets the findings of the plugin from buf's language server", async () => {
  const made = project("lint");
  made.edit(proto, '    timeout: { total: "2s" }\n', "");
  const [first, ...others] = await diagnosticsOf(made.folder, proto);
  expect(others).toEqual([]);
  expect(first).toMatchObject({
    code: "MESH_TIMEOUT_MISSING",
    range: { start: { line: 8, character: 0 } },
    message: expect.stringContaining("timeout.total"),
  });
}, 60_000);
