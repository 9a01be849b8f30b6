import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generate, root } from "../test/compile.ts";

// testdata/policy and testdata/errors hold what is resolved and what is refused; here is what takes more than a proto.

const schema = readFileSync(join(root, "plugin/proto/mesh/v1/options.proto"), "utf8");

const service = (options: string, method = "") => `syntax = "proto3"; package t;
import "mesh/v1/options.proto";
message M { string id = 1; string secret = 2 [(mesh.v1.field).sensitive = true]; }
service S {
${options}
rpc A(M) returns (M) { ${method} }
}`;

test.each([
  [
    "policy",
    "message Policy {",
    "string extra = 99;",
    '  option (mesh.v1.service) = { extra: "x" };',
    "(mesh.v1.service): field 99",
  ],
  [
    "policy of a policy",
    "message Budget {",
    "optional bool extra = 98;",
    "  option (mesh.v1.service) = { retry: { budget: { extra: true } } };",
    "(mesh.v1.service).retry.budget: field 98",
  ],
  [
    "limit",
    "message RateLimit {",
    "string extra = 97;",
    '  option (mesh.v1.service) = { rate_limit: { name: "n" rate: "1/s" extra: "x" } };',
    "(mesh.v1.service).rate_limit[0]: field 97",
  ],
  [
    "enum",
    "FULL = 1;",
    "FULL = 1; WILD = 9;",
    "  option (mesh.v1.service) = { retry: { jitter: WILD } };",
    "(mesh.v1.service).retry.jitter: value 9",
  ],
])("an option newer than the plugin fails: %s", (_, message, field, option, text) => {
  const newer = schema.replace(message, field.includes(message) ? field : `${message}\n${field}`);
  const { errors } = generate({ "mesh/v1/options.proto": newer, "a.proto": service(option) });

  expect(errors).toEqual([
    `a.proto:5:3: ${text} is newer than this protoc-gen-mesh: update protoc-gen-mesh [options/newer]`,
  ]);
});

test("file and field options newer than the plugin fail too", () => {
  const newer = schema
    .replace("message FilePolicy {", "message FilePolicy {\nstring extra = 96;")
    .replace("message Profile {", "message Profile {\nstring extra = 95;")
    .replace("message FieldPolicy {", "message FieldPolicy {\nstring extra = 94;");
  const proto = `syntax = "proto3"; import "mesh/v1/options.proto";
option (mesh.v1.file).extra = "x";
option (mesh.v1.file).profiles = { name: "p" extra: "x" };
message M { message N { string id = 1 [(mesh.v1.field).extra = "x"]; } }`;
  const { errors } = generate({ "mesh/v1/options.proto": newer, "a.proto": proto });

  expect(errors.map((line) => line.replace(/ is newer.*/, ""))).toEqual([
    "a.proto:2:1: (mesh.v1.file): field 96",
    "a.proto:3:1: (mesh.v1.file).profiles[0]: field 95",
    "a.proto:4:40: (mesh.v1.field): field 94",
  ]);
});

test("a method's rules are checked even when another method is wrong", () => {
  const proto = service("", 'option (mesh.v1.method).timeout.total = "x";').replace(
    /}$/,
    '\nrpc B(M) returns (M) { option (mesh.v1.method) = { timeout: { total: "1s" attempt: "2s" } }; }\n}',
  );
  const { errors } = generate({ "a.proto": proto });

  expect(errors.map((line) => /\[(.*)\]$/.exec(line)?.[1])).toEqual(["timeout/total", "timeout/attempt-below-total"]);
});

test("a rule sees the request's fields, also nested ones, but not through lists", () => {
  const proto = (key: string) => `syntax = "proto3"; package t;
import "mesh/v1/options.proto";
message M { string id = 1; double weight = 2; N n = 3; repeated N ns = 4; map<string, N> by_name = 5; }
message N { string id = 1; }
service S { rpc A(M) returns (M) {
  option (mesh.v1.method) = { auth: { access: PUBLIC } rate_limit: { name: "n" rate: "1/s" by: "field:${key}" } };
} }`;
  const refused = (key: string) => generate({ "a.proto": proto(key) }).errors.length > 0;

  expect(["id", "n.id"].filter(refused)).toEqual([]);
  const wrong = ["weight", "none", "n", "n.none", "ns", "ns.id", "by_name", "by_name.id", "id.id"];
  expect(wrong.filter(refused)).toEqual(wrong);
});

test("a profile of the same name in two imported files of one package is ambiguous", () => {
  const profile = (file: string) => `syntax = "proto3"; package p; import "mesh/v1/options.proto";
option (mesh.v1.file) = { profiles: { name: "x" policy: { timeout: { total: "${file}s" } } } };`;
  const user = `syntax = "proto3"; package u; import "1.proto"; import "2.proto"; import "mesh/v1/options.proto";
message M {}
service S { rpc A(M) returns (M) {
  option (mesh.v1.method).use = "p.x"; } }`;
  const { errors } = generate({ "1.proto": profile("1"), "2.proto": profile("2"), "u.proto": user });

  expect(errors).toEqual([
    "u.proto:4:3: (mesh.v1.method).use[0]: profile p.x is in 1.proto and 2.proto: rename one of them [profile/ambiguous]",
  ]);
});

test("profiles come through public imports, not through other imports of an import", () => {
  const base = `syntax = "proto3"; package p; import "mesh/v1/options.proto";
option (mesh.v1.file) = { profiles: { name: "x" policy: { timeout: { total: "7s" } } } };`;
  const user = `syntax = "proto3"; package u; import "door.proto"; import "mesh/v1/options.proto";
message M {}
service S { rpc A(M) returns (M) { option (mesh.v1.method).use = "p.x"; } }`;
  const through = (how: string) =>
    generate({ "p.proto": base, "door.proto": `syntax = "proto3"; import ${how} "p.proto";`, "u.proto": user });

  expect(through("public").files["u_mesh.ts"]).toContain("totalMs: 7000");
  expect(through("").errors).toEqual([expect.stringContaining('there is no profile "p.x"')]);
});

test("a profile that is wrong is reported at its own place, in the file that declares it", () => {
  const base = `syntax = "proto3"; package p; import "mesh/v1/options.proto";
option (mesh.v1.file) = { profiles: { name: "x" policy: { timeout: { total: "7" } } } };`;
  const user = `syntax = "proto3"; package u; import "p.proto"; import "mesh/v1/options.proto";
message M {}
service S { rpc A(M) returns (M) { option (mesh.v1.method).use = "p.x"; } }`;
  const { errors } = generate({ "p.proto": base, "u.proto": user });

  expect(errors).toEqual([
    expect.stringMatching(/^p\.proto:2:1: \(mesh\.v1\.file\)\.profiles\[0\]\.policy\.timeout\.total: "7" is not/),
  ]);
});

test("attempts switches retry on; levels below only prepare it", () => {
  const prepared = '  option (mesh.v1.service) = { retry: { initial: "20ms" budget: { ratio: 0.1 } } };';
  const { files } = generate({ "a.proto": service(prepared) });
  expect(files["a_mesh.ts"]).not.toContain("retry");

  const on = generate({
    "a.proto": service(
      prepared,
      "option idempotency_level = IDEMPOTENT; option (mesh.v1.method) = { retry: { attempts: 2 } };",
    ),
  });
  expect(on.files["a_mesh.ts"]).toMatch(/retry: \{\s+attempts: 2,[^}]*initialMs: 20,[^}]*budget: \{ ratio: 0\.1,/);

  const { errors } = generate({
    "a.proto": service(prepared, "option (mesh.v1.method) = { retry: { multiplier: 3 } };"),
  });
  expect(errors).toEqual([
    "a.proto:6:24: (mesh.v1.method).retry: does nothing without attempts: set it here or at a lower level [retry/off]",
  ]);
});

test("a hedged method draws from the budget of its service's retries, which off: RETRY leaves in place", () => {
  const { files, errors } = generate({
    "a.proto": service(
      "  option (mesh.v1.service) = { retry: { attempts: 3 budget: { ratio: 0.1 floor_per_second: 7 } } };",
      'option idempotency_level = IDEMPOTENT; option (mesh.v1.method) = { off: RETRY hedge: { attempts: 2 delay: "50ms" } };',
    ),
  });
  expect(errors).toEqual([]);
  expect(files["a_mesh.ts"]).toMatch(/hedge: \{[^}]*budget: \{ ratio: 0\.1, floorPerSecond: 7,/);
  expect(files["a_mesh.ts"]).not.toContain("retry:");
});

test("a method that inherits retry must drop it to be hedged", () => {
  const { errors } = generate({
    "a.proto": service(
      "  option (mesh.v1.service) = { retry: { attempts: 3 } };",
      'option idempotency_level = IDEMPOTENT; option (mesh.v1.method) = { hedge: { attempts: 2 delay: "50ms" } };',
    ),
  });
  expect(errors).toEqual([expect.stringContaining("never both: drop one of them with off: RETRY or off: HEDGE")]);
});

test("a method that is PUBLIC or DENY leaves inherited scopes behind; one that is AUTHENTICATED keeps them", () => {
  const guarded = '  option (mesh.v1.service) = { auth: { access: AUTHENTICATED scopes: "read" audiences: "shop" } };';
  const resolved = (access: string) => {
    const { files, errors } = generate({
      "a.proto": service(guarded, `option (mesh.v1.method) = { auth: { access: ${access} } };`),
    });
    expect(errors).toEqual([]);
    return /auth: (\{.*\})/.exec(files["a_mesh.ts"] ?? "")?.[1];
  };
  expect(resolved("PUBLIC")).toBe('{ access: "PUBLIC", providers: [], scopes: [], audiences: [] }');
  expect(resolved("DENY")).toBe('{ access: "DENY", providers: [], scopes: [], audiences: [] }');
  expect(resolved("AUTHENTICATED")).toBe(
    '{ access: "AUTHENTICATED", providers: [], scopes: ["read"], audiences: ["shop"] }',
  );
});
