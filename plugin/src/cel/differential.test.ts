// Every rule means the same as code and to @bufbuild/cel, for messages of ts-proto and of protobuf-es.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { AuthVariables, MethodSpec, ServiceSpec } from "@protomesh/runtime";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { siteFactory } from "../../../runtime/src/core/site.ts";
import { registryOf } from "../../../runtime/src/messages/descriptors.ts";
import { interpret } from "../../../runtime/src/policies/auth/interpret.ts";
import { variablesOf } from "../../../runtime/src/policies/auth/variables.ts";
import { compile, importPaths, requestFor, root, run, runProtoc } from "../../test/compile.ts";

/** Becomes code: for all messages, or for those of protobuf-es alone. Everything else is left to the interpreter. */
const always = [
  "true",
  "false",
  "!true || false",
  "auth.sub == 'ann'",
  "'ann' == auth.sub",
  "auth.sub != request.owner",
  "auth.sub == request.owner || 'admin' in auth.scopes",
  "auth.provider == 'users' && !('admin' in auth.scopes)",
  "request.tenant in auth.audiences",
  "auth.sub in ['ann', 'bob']",
  "!(request.owner in ['ann', 'bob', ''])",
  "auth.sub in ['ann']",
  "auth.sub < request.owner",
  "auth.sub >= 'b'",
  "'b' > auth.sub",
  "!(auth.sub <= request.path)",
  "auth.sub.startsWith('a')",
  "!request.path.endsWith(auth.sub)",
  "request.path.contains('/home/' + auth.sub + '/')",
  "'annabel'.startsWith(auth.sub)",
  "request.path == auth.sub + '/' + request.owner",
  "method.name == 'Nothing'",
  "method.service == 'diff.v1.Diff' && auth.sub == 'ann'",
  "method.name.startsWith('M') ? auth.sub == 'ann' : false",
  "request.team.name == auth.sub",
  "request.team.name == ''",
  "request.team.name != 'red'",
  "request.team.lead.id == request.owner",
  "request.team.lead.admin",
  "!request.team.lead.admin",
  "request.team.lead.admin == false",
  "request.team.size > 2",
  "!(request.team.size < request.count)",
  "request.team.size == request.team.lead.age",
  "request.public",
  "!request.public",
  "request.public == true",
  "request.public != request.sure",
  "request.sure",
  "request.public ? auth.sub == 'ann' : request.owner == 'ann'",
  "(request.public || auth.claims.verified) ? auth.sub == 'ann' : request.owner == 'ann'",
  "request.count == 3",
  "request.count != -1 && request.count <= 5",
  "3 < request.count",
  "request.count == request.ucount",
  "request.count >= request.ucount",
  "request.price > 1.5",
  "request.price == 2",
  "!(request.price < 2)",
  "!(request.price >= request.weight)",
  "request.price != request.price",
  "request.count < request.price",
  "request.status == 1",
  "request.status == Status.APPROVED",
  "request.status != diff.v1.Status.APPROVED",
  "request.status in [1, 2]",
  "request.status > Status.DRAFT",
  "request.last == Status.DRAFT",
  "request.nickname == ''",
  "request.nickname != auth.sub",
  "request.maybe == 0",
  "request.maybe < 3",
  "has(request.nickname)",
  "!has(request.maybe)",
  "has(request.sure) && !request.sure",
  "has(request.last)",
  "has(request.team)",
  "has(request.team.lead)",
  "!has(request.team.lead.id)",
  "has(request.owner)",
  "!has(request.count)",
  "has(request.public)",
  "has(request.status)",
  "has(request.editors)",
  "has(request.quota)",
  "request.quota == 'gold'",
  "request.quota != 'gold'",
  "request.quota == null",
  "request.quota != null",
  "request.quota == auth.sub",
  "request.flag",
  "!request.flag",
  "request.flag == true",
  "request.hint == 3",
  "request.hint != request.count",
  "request.ratio == 0.5",
  "auth.sub in request.editors",
  "!('ann' in request.editors)",
  "auth.sub in request.team.tags",
  "request.count in request.numbers",
  "3 in request.numbers",
  "request.count in [1, 2, 3]",
  "size(request.editors) == 2",
  "request.numbers.size() > size(request.editors)",
  "size(request.path) == 1",
  "request.path.size() < 3",
  "request.labels['draft'] == 'yes'",
  "request.labels.draft != 'yes'",
  "request.labels['draft'] == auth.sub",
  "!(request.labels['draft'] == 'yes') || auth.sub == 'ann'",
  "has(request.labels.draft)",
  "'draft' in request.labels",
  "!('draft' in request.labels)",
  "request.scores['draft'] != 3",
  "request.flags['draft']",
  "!request.flags['draft']",
  "request.editors.exists(e, e == auth.sub)",
  "!request.editors.exists(e, e == auth.sub || e == auth.claims.tenant)",
  "request.editors.all(e, e.startsWith('a'))",
  "!request.editors.all(e, e == auth.claims.tenant)",
  "request.team.members.exists(m, m.id == auth.sub && m.admin)",
  "request.team.members.all(m, m.age > 2)",
  "request.team.members.exists(m, request.editors.exists(e, e == m.id))",
  "['a', 'ann'].exists(x, x == auth.sub)",
  "request.numbers.all(n, n > request.count)",
  "auth.claims.tenant == request.tenant",
  "auth.claims.tenant != request.tenant",
  "request.tenant == auth.claims['tenant']",
  "auth.claims.tenant == 'acme' || request.owner == 'ann'",
  "!(auth.claims.tenant == 'acme' && request.owner == 'ann')",
  "!(auth.claims.tenant == 'acme' || request.owner == 'ann')",
  "auth.claims.level == 3",
  "auth.claims.level != 3",
  "auth.claims.level == 2.5",
  "auth.claims.level >= 3",
  "!(auth.claims.level >= 3)",
  "3 < auth.claims.level",
  "auth.claims.level > request.count",
  "auth.claims.level == request.price",
  "auth.claims.tenant < 'b'",
  "auth.claims.verified",
  "!auth.claims.verified",
  "auth.claims.verified == true",
  "auth.claims.verified != request.public",
  "auth.claims.verified && (auth.claims.level > 2 || auth.claims.missing == 1)",
  "auth.claims.tenant == null",
  "auth.claims.tenant != null",
  "auth.claims.email.endsWith('@acme.com')",
  "!auth.claims.email.startsWith(auth.sub)",
  "'admin' in auth.claims.roles",
  "!('admin' in auth.claims.roles)",
  "request.owner in auth.claims.roles",
  "3 in auth.claims.roles",
  "'admin' in auth.claims.realm_access.roles",
  "!(auth.sub in auth.claims.realm_access.roles)",
  "auth.claims.realm_access.name == 'acme'",
  "auth.claims.realm_access.name != 'acme'",
  "auth.claims.realm_access['deep'].er == true",
  "auth.claims.tenant in ['acme', 'bob']",
  "!(auth.claims.tenant in ['acme', 'bob'])",
  "auth.claims.tenant in auth.audiences",
  "!(auth.claims.tenant in request.editors)",
  "has(auth.claims.tenant)",
  "!has(auth.claims.tenant)",
  "has(auth.claims.realm_access.name)",
  "!has(auth.claims.realm_access.name)",
  "'tenant' in auth.claims",
  "request.owner in auth.claims",
  "!(request.owner in auth.claims)",
  "auth.claims.constructor == 'x'",
  "auth.claims.constructor != 'x'",
  "auth.claims.missing == 1 || auth.sub == 'ann'",
  "auth.sub == 'ann' || auth.claims.missing == 1",
  "auth.claims.missing == 1 && auth.sub == 'ann'",
  "!(auth.claims.missing == 1 && auth.sub == 'ann')",
  "(auth.claims.missing == 1 && auth.sub == 'ann') || request.public",
  "auth.claims.missing ? true : true",
  "auth.claims.verified ? auth.sub == 'ann' : request.public",
  "!(auth.claims.verified ? auth.sub == 'ann' : auth.claims.missing)",
  "request.bytes == 3",
  "request.bytes != 0",
  "request.bytes <= 9007199254740993",
  "!(request.bytes > request.count)",
  "request.bytes == request.count",
  "request.ubytes == request.bytes",
  "request.ubytes > 18446744073709551614u",
  "has(request.bytes)",
  "request.team.budget >= 3",
  "request.default == 'x'",
];

const protobufEsOnly = [
  "request.status == request.last",
  "request.email == auth.sub",
  "request.email != ''",
  "has(request.email)",
  "!has(request.phone)",
  "request.phone > 2",
  "request.group.name == auth.sub",
  "request.group.lead.admin",
  "has(request.group.lead)",
];

const longListsOnly = ["3 in request.longs"];

const never = [
  "request.created < timestamp('2030-01-01T00:00:00Z')",
  "request.path.matches('^/home')",
  "request.team == request.other",
  "request.blob == b'x'",
  "size(request.blob) == 1",
  "auth.claims == auth.claims",
  "auth.claims.roles == ['admin']",
  "auth.claims.roles.exists(r, r == 'admin')",
  "auth.claims.a == auth.claims.b",
  "request.count + 1 == 4",
  "int(request.price) == 2",
  "request.labels['constructor'] == 'x'",
  "'constructor' in request.labels",
  "auth.sub in request.labels",
  "request.labels[auth.sub] == 'yes'",
  "request.labels.exists(k, k == 'draft')",
  "request.editors[0] == 'ann'",
  "request.editors.exists_one(e, e == 'ann')",
  "request.editors.filter(e, e == 'ann').size() == 1",
  "request.editors.map(e, e + 'x').exists(e, e == 'annx')",
  "request.status == 7",
  "request.statuses.exists(s, s == 7)",
  "1 in request.statuses",
  "request.price in [1, 2]",
  "2.5 in request.prices",
  "auth.claims.level == request.bytes",
  "request.bytes > request.price",
  "request.extra.a == 'b'",
  "has(request.price)",
  "request.big == 3",
  "request.totals['draft'] == 3 && 1 / request.count == 1",
  "type(auth.sub) == string",
  "auth.scopes == ['admin']",
  "(auth.sub == 'ann' ? request.owner : request.path) == 'bob'",
  "{'ann': 1}[auth.sub] == 1",
  "request.editors.exists(request, request == 'ann')",
  "request.public < request.sure",
];

const rules = [...always, ...protobufEsOnly, ...longListsOnly, ...never];

const fields = `
  message Member { string id = 1; bool admin = 2; int32 age = 3; }
  message Team {
    string name = 1; int32 size = 2; Member lead = 3; repeated Member members = 4; repeated string tags = 5; int64 budget = 6;
  }
  message Request {
    string owner = 1; string tenant = 2; Team team = 3; repeated string editors = 4; map<string, string> labels = 5;
    Status status = 6; optional string nickname = 7; int64 bytes = 8; google.protobuf.StringValue quota = 9;
    bool public = 10; string path = 11; google.protobuf.Timestamp created = 12; int32 count = 13; uint32 ucount = 14;
    uint64 ubytes = 15; double price = 16; float weight = 17; repeated int32 numbers = 18; repeated int64 longs = 19;
    oneof contact { string email = 20; Team group = 21; int32 phone = 22; }
    bytes blob = 23; google.protobuf.BoolValue flag = 24; google.protobuf.Int32Value hint = 25; optional int32 maybe = 26;
    optional bool sure = 27; repeated Status statuses = 28; map<string, int32> scores = 29; map<string, bool> flags = 30;
    repeated double prices = 31; optional Status last = 32; google.protobuf.Struct extra = 33;
    google.protobuf.Int64Value big = 34; google.protobuf.DoubleValue ratio = 35; map<string, int64> totals = 36;
    Team other = 37; string default = 38;
  }`;

const proto = `syntax = "proto3"; package diff.v1;
  import "google/protobuf/struct.proto"; import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto";
  import "mesh/v1/options.proto";
  enum Status { DRAFT = 0; APPROVED = 1; PUBLISHED = 2; }
  ${fields}
  service Diff {
    ${rules.map((rule, n) => `rpc M${n}(Request) returns (Request) { option (mesh.v1.method).auth = { access: AUTHENTICATED rule: ${JSON.stringify(rule)} }; }`).join("\n")}
  }`;

const tsProto = "esModuleInterop=true,importSuffix=.js,outputServices=none,outputJsonMethods=false";
const variants = [
  { name: "es", plugin: "protoc-gen-es", messages: "target=ts,import_extension=js", mesh: "messages=protobuf-es" },
  { name: "plain", plugin: "protoc-gen-ts_proto", messages: tsProto, mesh: "" },
  {
    name: "bigint",
    plugin: "protoc-gen-ts_proto",
    messages: `${tsProto},forceLong=bigint,oneof=unions-value`,
    mesh: "forceLong=bigint",
  },
  {
    name: "untold",
    plugin: "protoc-gen-ts_proto",
    messages: `${tsProto},forceLong=bigint,enumsAsLiterals=true,useNullAsOptional=true`,
    mesh: "",
  },
  {
    name: "text",
    plugin: "protoc-gen-ts_proto",
    messages: `${tsProto},forceLong=string,snakeToCamel=json`,
    mesh: "snakeToCamel=json",
  },
] as const;

mkdirSync(join(root, ".cache"), { recursive: true });
const work = mkdtempSync(join(root, ".cache", "rules-"));
const services = new Map<string, ServiceSpec>();

beforeAll(async () => {
  const set = compile({ "diff.proto": proto });
  for (const { name, plugin, messages, mesh } of variants) {
    const out = join(work, name);
    mkdirSync(out);
    writeFileSync(join(out, "diff.proto"), proto);
    const { files, errors } = run(requestFor(set, ["diff.proto"], mesh));
    expect(errors).toEqual([]);
    writeFileSync(join(out, "diff_mesh.ts"), files["diff_mesh.ts"] ?? "");
    runProtoc([
      ...[out, ...importPaths].map((path) => `-I${path}`),
      `--plugin=protoc-gen-messages=${join(root, "node_modules/.bin", plugin)}`,
      `--messages_out=${out}`,
      `--messages_opt=${messages}`,
      "diff.proto",
      ...(name === "es" ? ["mesh/v1/options.proto"] : []),
    ]);
    services.set(name, (await import(/* @vite-ignore */ join(out, "diff_mesh.ts"))).Diff);
  }
}, 120_000);

afterAll(() => rmSync(work, { recursive: true }));

const methodsOf = (name: string) => Object.values(services.get(name)?.methods ?? {});
const translated = (name: string) => methodsOf(name).flatMap(({ authRule }) => authRule?.cel ?? []);

test("the code compiles under every strict flag, whatever ts-proto's longs, enums and optional fields are", () => {
  const compilerOptions = {
    target: "es2022",
    lib: ["es2023"],
    module: "nodenext",
    moduleResolution: "nodenext",
    types: ["node"],
    noEmit: true,
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noPropertyAccessFromIndexSignature: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    allowImportingTsExtensions: true,
    customConditions: ["@protomesh/source"],
  };
  writeFileSync(join(work, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["**/*_mesh.ts"] }));
  const { stdout } = spawnSync("npx", ["tsc", "-p", work], { cwd: root, encoding: "utf8" });
  expect(stdout.split("\n").filter((line) => line.includes("_mesh.ts"))).toEqual([]);
  expect(stdout).not.toContain("TS18003");
}, 120_000);

test("just the rules that are expected to become code do", () => {
  expect(translated("es")).toEqual([...always, ...protobufEsOnly, ...longListsOnly]);
  expect(translated("plain")).toEqual(always);
  expect(translated("bigint")).toEqual([...always, ...longListsOnly]);
  expect(translated("untold")).toEqual(always);
  expect(translated("text")).toEqual(always);
});

const word = fc.constantFrom(
  "",
  "ann",
  "bob",
  "acme",
  "admin",
  "red",
  "gold",
  "yes",
  "draft",
  "x",
  "a",
  "😀",
  "/home/ann/x",
  "ann/bob",
  "constructor",
  "tenant",
);
const small = fc.constantFrom(0, 1, 2, 3, 5, -1, 7);
const double = fc.constantFrom(0, -0, 0.5, 1.5, 2, 2.5, Number.NaN, Number.POSITIVE_INFINITY);
const long = fc.constantFrom(0n, 1n, 3n, 2n ** 53n - 1n, -1n);
const map = <T>(value: fc.Arbitrary<T>) =>
  fc.dictionary(fc.constantFrom("draft", "ann", "constructor"), value, { maxKeys: 2 });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const member = fc.record({ id: word, admin: fc.boolean(), age: small.map(Math.abs) });
const team = fc.record({
  name: word,
  size: small,
  lead: maybe(member),
  members: fc.array(member, { maxLength: 3 }),
  tags: fc.array(word, { maxLength: 3 }),
  budget: long,
});
const request = fc.record({
  owner: word,
  tenant: word,
  team: maybe(team),
  editors: fc.array(word, { maxLength: 3 }),
  labels: map(word),
  status: fc.constantFrom(0, 1, 2, 7),
  nickname: maybe(word),
  bytes: long,
  quota: maybe(word),
  public: fc.boolean(),
  path: word,
  created: maybe(fc.constantFrom({ seconds: 1n }, { seconds: 1_900_000_000n })),
  count: small,
  ucount: small.map(Math.abs),
  ubytes: long.map((n) => (n < 0n ? 2n : n)),
  price: double,
  weight: double,
  numbers: fc.array(small, { maxLength: 3 }),
  longs: fc.array(long, { maxLength: 2 }),
  contact: fc.oneof(
    fc.constant({ case: undefined }),
    word.map((value) => ({ case: "email" as const, value })),
    team.map((value) => ({ case: "group" as const, value })),
    small.map((value) => ({ case: "phone" as const, value })),
  ),
  blob: fc.constantFrom(new Uint8Array(), new Uint8Array([120])),
  flag: maybe(fc.boolean()),
  hint: maybe(small),
  maybe: maybe(small),
  sure: maybe(fc.boolean()),
  statuses: fc.array(fc.constantFrom(0, 1, 7), { maxLength: 2 }),
  scores: map(small),
  flags: map(fc.boolean()),
  prices: fc.array(double, { maxLength: 2 }),
  last: maybe(fc.constantFrom(0, 1)),
  extra: maybe(fc.constantFrom({ a: "b" }, {})),
  big: maybe(long),
  ratio: maybe(double),
  totals: map(long),
  other: maybe(team),
  default: word,
});
const json = fc.oneof(
  word,
  fc.constantFrom(3, 2.5, 0, true, false, null, "b@acme.com", "ann@acme.com"),
  fc.array(fc.oneof(word, fc.constantFrom(3, null)), { maxLength: 3 }),
  fc.record({ admin: fc.constantFrom(true, null) }),
);
const access = fc.oneof(
  json,
  fc.record({ roles: json, name: json, deep: fc.oneof(json, fc.record({ er: json })) }, { requiredKeys: [] }),
);
const claims = fc.record(
  {
    tenant: json,
    level: json,
    verified: fc.oneof(fc.boolean(), json),
    email: json,
    roles: json,
    realm_access: access,
    a: json,
    b: json,
    constructor: word,
  },
  { requiredKeys: [] },
);
const caller = fc.record({
  subject: word,
  provider: fc.constantFrom("users", "robots"),
  scopes: fc.array(word, { maxLength: 3 }),
  audiences: fc.array(word, { maxLength: 3 }),
  claims,
});

type Decide = (auth: AuthVariables, request: unknown) => boolean;

/** Allowed, or not: an error is no permission. */
function allowed(decide: Decide, auth: AuthVariables, message: unknown): boolean {
  try {
    return decide(auth, message);
  } catch {
    return false;
  }
}

describe.each(variants)("messages of $plugin ($name)", ({ name }) => {
  const site = siteFactory({});
  const rulesOf = () => {
    const service = services.get(name) as ServiceSpec;
    const schema = registryOf(service).getMessage("diff.v1.Request") as DescMessage;
    const [first] = Object.values(service.methods) as [MethodSpec];
    const both = Object.values(service.methods).map((method, n) => {
      const cel = rules[n] as string;
      return { cel, code: method.authRule?.allows, interpreted: interpret(cel, site(method, service)) };
    });
    // By the wire, so that each generator makes the message its own way.
    const message = (init: unknown) =>
      first.request.decode(toBinary(schema, create(schema, init as MessageInitShape<DescMessage>)));
    return { both, message };
  };

  test("code and interpreter agree on generated callers and requests", () => {
    const { both, message } = rulesOf();
    const told = new Map(both.map(({ cel }) => [cel, new Set<boolean>()]));
    fc.assert(
      fc.property(caller, request, (principal, init) => {
        const auth = variablesOf(principal as Parameters<typeof variablesOf>[0]);
        const sent = message(init);
        for (const { cel, code, interpreted } of both) {
          const expected = allowed(interpreted, auth, sent);
          told.get(cel)?.add(expected);
          // Code is not even meant to throw.
          if (code && code(auth, sent) !== expected) throw new Error(`${cel} is ${expected} to the interpreter`);
        }
      }),
      { numRuns: 80 },
    );
    // Agreement says something only of rules that were seen both ways.
    const oneSided = [...told].filter(([, seen]) => seen.size === 1).map(([cel]) => cel);
    expect(oneSided.length / told.size).toBeLessThan(0.3);
  }, 60_000);
});
