// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
// What attackers and unusual proto files bring: code and @bufbuild/cel still say the same, or code says no.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { MethodSpec, ServiceSpec } from "@protomesh/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { siteFactory } from "../../../runtime/src/core/site.ts";
import { registryOf } from "../../../runtime/src/messages/descriptors.ts";
import { interpret } from "../../../runtime/src/policies/auth/interpret.ts";
import { variablesOf } from "../../../runtime/src/policies/auth/variables.ts";
import { compile, importPaths, requestFor, root, run, runProtoc } from "../../test/compile.ts";

const rules = [
  // Proto2: defaults that are none of the type's.
  "request.old.name == 'nobody'",
  "request.old.name != auth.sub",
  "request.old.open",
  "!request.old.open",
  "request.old.level == 7",
  "request.old.level > 5",
  "request.old.kind == 3",
  "request.old.kind != 3",
  "request.old.text == 'chosen'",
  // Messages that have a form of their own in TypeScript.
  "has(request.value)",
  "!has(request.value)",
  "request.mask.paths.exists(p, p == 'a')",
  "request.nothing == 0",
  "request.nothing != 0",
  "request.nothing == request.count",
  // Enums.
  "request.team.status == Status.DRAFT",
  "request.team.status != Status.DRAFT",
  "request.team.status != Status.APPROVED",
  "request.status != Status.DRAFT",
  "request.status == Status.DRAFT",
  "has(request.status)",
  "!has(request.team.status)",
  "request.team.status < request.status",
  "request.status > Status.DRAFT",
  "request.team.status == request.status",
  "!(request.team.status in [0, 1])",
  // Defaults.
  "request.owner != ''",
  "has(request.owner)",
  "!has(request.owner)",
  "request.owner == ''",
  "request.owner != auth.sub",
  "request.owner == auth.sub",
  "auth.claims.tenant == request.owner",
  "auth.claims.tenant != request.owner",
  "auth.claims['constructor'] == request.owner",
  "auth.claims.realm.x == request.owner",
  "!(request.owner in ['', 'bob'])",
  "request.owner in ['', 'bob']",
  "request.path == '/' + request.owner",
  "request.path.startsWith(request.owner)",
  "!request.path.startsWith(request.owner)",
  "request.count != 0",
  "request.count == 0",
  "request.count < 3",
  "!(request.price < 2.0)",
  "!(request.price >= 2.0)",
  "request.price != 0.0",
  "request.open == request.shut",
  "request.open != request.shut",
  "request.open == false",
  "!request.open",
  "request.bytes != 0",
  "request.bytes == 0",
  "size(request.owner) == 0",
  "!(request.owner in auth.claims.roles)",
  "!(request.owner in auth.scopes)",
  "auth.claims.level != request.count",
  "!(auth.claims.tenant < request.owner)",
  // Names that look like others.
  "request.auth.name == 'x'",
  "request.request.name == 'x'",
  "auth.scopes.exists(claimAt, claimAt == 'a' && auth.claims.realm.x == 'y')",
  "auth.scopes.exists(claimHas, claimHas == 'a' && 'y' in auth.claims.roles)",
  "auth.scopes.exists(e, auth.sub == 'e')",
  "auth.scopes.exists(owner, auth.sub == request.owner)",
  "auth.scopes.exists(method, method == 'a')",
  "auth.scopes.exists(eval, eval == 'a') || auth.scopes.exists(arguments, arguments == 'a')",
  "auth.scopes.exists(yield, yield == 'a') || auth.scopes.exists(await, await == 'a')",
  "auth.scopes.exists(undefined, undefined == 'a')",
  "auth.claims.__proto__ == 'x'",
  "auth.claims.__proto__ != 'x'",
  "has(auth.claims.__proto__)",
  "!has(auth.claims.toString)",
  "auth.claims.__proto__.admin == true",
  "auth.claims.realm.hasOwnProperty == 'x'",
  "!('toString' in auth.claims)",
  "'length' in auth.claims.roles",
  "has(auth.claims.roles.length)",
  "!has(auth.claims.roles.length)",
  "auth.claims.roles.length == 1",
  "auth.claims.tenant.length == 1",
  "request.owner in auth.claims.realm",
  // Texts that look like code, or break lines.
  "auth.sub == '\\u2028\\u2029\\n\\r\\t\\0\\x07\\\"\\'\\\\`${1}*/ //'",
  "auth.sub == '\u2028`${process.exit(1)}`'",
  'auth.sub == "\');process.exit(1);//"',
  "auth.sub == '\\u0003claimAt\\u0003' || auth.sub == '\\x01' || auth.sub == '\\u0001' + '0'",
  `auth.sub == 'bob' && request.path == 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa || bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb && c' + auth.sub`,
  `request.path == 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa || bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb && c' + auth.sub`,
  `request.path != 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa || bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb && c' + auth.sub`,
  "request.path == '  a  //b' + auth.sub + ' : c? d'",
  "size(auth.sub) == 1",
  "auth.sub < '\\uffff'",
  "auth.sub == '\\U0001F600'",
  // Numbers.
  "request.bytes == 9223372036854775807",
  "request.bytes == -9223372036854775808",
  "request.ubytes == 18446744073709551615u",
  "request.ubytes > 9223372036854775807",
  "request.bytes < request.ubytes",
  "request.count == 2147483647 || request.count == -2147483648",
  "request.ucount == 4294967295u",
  "request.ucount > -1",
  "auth.claims.level == 9007199254740993",
  "auth.claims.level == 9007199254740992",
  "auth.claims.level > 1e300",
  "auth.claims.level == -0.0",
  "auth.claims.level == 0",
  "0 in auth.claims.roles",
  "request.price == request.price",
  "request.price == 0.0",
  "request.price >= request.price",
  "0.1 + 0.2 == 0.3",
  "request.weight == 0.1",
  "request.weight < 0.1",
  "request.byId[1] == 'a'",
  "request.byFlag[true] == 'a'",
  "1 in request.byId",
  "size(request.byId) == 0",
  "request.statusOf['a'] == 1",
  "request.labels['__proto__'] == 'a'",
  "request.labels['hasOwnProperty'] == 'a'",
  "!('valueOf' in request.labels)",
  "request.labels['a'] != ''",
  "request.labels['a'] != auth.sub",
  "request.prices['a'] == 0.0",
  "request.constructor == 'a'",
  "request.constructor != auth.sub",
  "request.to_string == 'a'",
  "request.team.constructor == 'a'",
  "has(request.constructor)",
  "request.delete == 'b'",
];

const proto = `syntax = "proto3"; package hostile.v1;
  import "google/protobuf/struct.proto"; import "google/protobuf/field_mask.proto"; import "mesh/v1/options.proto"; import "old.proto";
  enum Status { DRAFT = 0; APPROVED = 1; PUBLISHED = 2; }
  message Team { string name = 1; Status status = 2; string constructor = 3; }
  message Request {
    string owner = 1; string path = 2; int32 count = 3; uint32 ucount = 4; int64 bytes = 5; uint64 ubytes = 6; double price = 7;
    float weight = 8; bool open = 9; bool shut = 10; Team team = 11; Status status = 12; hostile.old.Old old = 13;
    google.protobuf.Value value = 14; google.protobuf.FieldMask mask = 15; google.protobuf.NullValue nothing = 16;
    Team auth = 17; Team request = 18; map<int32, string> byId = 19; map<bool, string> byFlag = 20; map<string, string> labels = 21;
    map<string, Status> statusOf = 22; map<string, double> prices = 23; string constructor = 24; string to_string = 25;
    string delete = 27; repeated string editors = 28;
  }
  service Hostile {
    ${rules.map((rule, n) => `rpc M${n}(Request) returns (Request) { option (mesh.v1.method).auth = { access: AUTHENTICATED rule: ${JSON.stringify(rule)} }; }`).join("\n")}
  }`;

const old = `syntax = "proto2"; package hostile.old;
  enum Kind { THREE = 3; FOUR = 4; }
  message Old {
    optional string name = 1 [default = "nobody"]; optional bool open = 2 [default = true]; optional int32 level = 3 [default = 7];
    optional Kind kind = 4; oneof choice { string text = 5 [default = "chosen"]; int32 number = 6; }
  }`;

const plain = "esModuleInterop=true,importSuffix=.js,outputServices=none,outputJsonMethods=false";
/** `told` is what the generator knows of the options for messages. */
const variants = [
  { name: "es", plugin: "protoc-gen-es", messages: "target=ts,import_extension=js", told: "messages=protobuf-es" },
  ...[
    "",
    "forceLong=bigint",
    "forceLong=long",
    "forceLong=string",
    "stringEnums=true",
    "useOptionals=all",
    "useOptionals=all,initializeFieldsAsUndefined=false",
    "noDefaultsForOptionals=true",
    "noDefaultsForOptionals=true,useNullAsOptional=true",
    "usePrototypeForDefaults=true",
    "useMapType=true",
    "unrecognizedEnum=false,enumsAsLiterals=true",
    "oneof=unions-value,useDate=string,useReadonlyTypes=true",
  ].flatMap((options, n) => {
    const messages = [plain, options].filter(Boolean).join(",");
    const common = { plugin: "protoc-gen-ts_proto", messages };
    return [
      { name: `untold-${n}`, told: "", ...common },
      ...(options === "" ? [] : [{ name: `told-${n}`, told: options, ...common }]),
    ];
  }),
] as const;

mkdirSync(join(root, ".cache"), { recursive: true });
const work = mkdtempSync(join(root, ".cache", "hostile-"));
const services = new Map<string, ServiceSpec>();

beforeAll(async () => {
  const set = compile({ "hostile.proto": proto, "old.proto": old });
  for (const { name, plugin, messages, told } of variants) {
    const out = join(work, name);
    mkdirSync(out);
    writeFileSync(join(out, "hostile.proto"), proto);
    writeFileSync(join(out, "old.proto"), old);
    const { files, errors } = run(requestFor(set, ["hostile.proto"], told));
    expect(errors).toEqual([]);
    writeFileSync(join(out, "hostile_mesh.ts"), files["hostile_mesh.ts"] ?? "");
    runProtoc([
      ...[out, ...importPaths].map((path) => `-I${path}`),
      `--plugin=protoc-gen-messages=${join(root, "node_modules/.bin", plugin)}`,
      `--messages_out=${out}`,
      `--messages_opt=${messages}`,
      "hostile.proto",
      "old.proto",
      ...(name === "es" ? ["mesh/v1/options.proto"] : []),
    ]);
    services.set(name, (await import(/* @vite-ignore */ join(out, "hostile_mesh.ts"))).Hostile);
  }
}, 240_000);

afterAll(() => rmSync(work, { recursive: true }));

/** The methods whose code a compiler refuses. */
function refusedByCompiler(name: string): Set<string> {
  const compilerOptions = {
    target: "es2022",
    lib: ["es2023"],
    module: "nodenext",
    moduleResolution: "nodenext",
    types: ["node"],
    noEmit: true,
    strict: true,
    noUnusedParameters: true,
    allowImportingTsExtensions: true,
    customConditions: ["@protomesh/source"],
  };
  const folder = join(work, name);
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*_mesh.ts"] }));
  const { stdout } = spawnSync("npx", ["tsc", "-p", folder], { cwd: root, encoding: "utf8" });
  const lines = readFileSync(join(folder, "hostile_mesh.ts"), "utf8").split("\n");
  const errors = [...stdout.matchAll(/hostile_mesh\.ts\((\d+),/g)].map(([, line]) => Number(line));
  return new Set(
    errors.map((line) => {
      const before = lines.slice(0, line).findLast((text) => text.startsWith('      name: "')) ?? "";
      return before.trim().slice('name: "'.length, -'",'.length);
    }),
  );
}

test.each(["es", "untold-0", "untold-1"])(
  "all code compiles (%s)",
  (name) => {
    expect([...refusedByCompiler(name)]).toEqual([]);
  },
  60_000,
);

/** Options that the generator must be told of: else rules may not compile, and may refuse too much, but never too little. */
const needTelling = /stringEnums|useOptionals|noDefaultsForOptionals|useMapType/;

const none = { subject: "", provider: "users", scopes: [], audiences: [], claims: {} };
const callers = [
  none,
  { ...none, subject: "bob", scopes: ["a", "", "bob"] },
  { ...none, subject: "e", scopes: ["a"], claims: { tenant: "", level: 0, roles: [], realm: { x: "y" } } },
  {
    ...none,
    subject: "😀",
    scopes: ["b"],
    claims: { tenant: "bob", level: -0, roles: ["", "y", 0], realm: { x: "" } },
  },
  {
    ...none,
    subject: "\u2028`${process.exit(1)}`",
    claims: { tenant: null, level: 2 ** 53, roles: [-0, null], realm: ["x"] },
  },
  { ...none, subject: "\u2028\u2029\n\r\t\0\x07\"'\\`${1}*/ //", claims: { tenant: 3, roles: "length", realm: "x" } },
  {
    ...none,
    subject: "');process.exit(1);//",
    claims: JSON.parse('{"__proto__": {"admin": true}, "roles": {"length": 1}}'),
  },
  {
    ...none,
    subject: "\u0003claimAt\u0003",
    claims: JSON.parse('{"__proto__": "x", "constructor": "", "toString": "x"}'),
  },
  {
    ...none,
    subject: "\x010",
    claims: { tenant: ["bob"], realm: { hasOwnProperty: "x", "": 1, bob: 2 }, roles: ["length"] },
  },
];
const requests: object[] = [
  {},
  {
    owner: "bob",
    path: "/bob",
    count: 3,
    price: 2,
    open: true,
    bytes: 1n,
    status: 1,
    constructor: "a",
    to_string: "a",
  },
  { owner: "undefined", path: "/undefined", price: Number.NaN, count: -(2 ** 31), shut: true, bytes: -1n, status: 7 },
  {
    path: "undefined",
    count: 2 ** 31 - 1,
    ucount: 2 ** 32 - 1,
    weight: 0.1,
    price: -0,
    team: {},
    old: {},
    auth: {},
    status: 2,
  },
  {
    team: { status: 7, constructor: "a" },
    status: 8,
    auth: { name: "x" },
    request: { name: "x" },
    old: { kind: 4, open: false },
  },
  {
    team: { status: 1 },
    old: { name: "", level: 0, choice: { case: "text", value: "" } },
    labels: { hasOwnProperty: "a", a: "" },
  },
  {
    old: { choice: { case: "number", value: 3 } },
    byId: { 1: "a" },
    byFlag: { true: "a" },
    statusOf: { a: 1 },
    prices: { a: -0 },
  },
  {
    value: { kind: { case: "nullValue", value: 0 } },
    mask: { paths: ["a"] },
    labels: JSON.parse('{"__proto__": "a", "a": "b"}'),
  },
  { value: { kind: { case: "stringValue", value: "x" } }, nothing: 0, price: Number.POSITIVE_INFINITY },
  { path: `${"a".repeat(33)} || ${"b".repeat(48)} && cbob`, owner: "'" },
  { path: `${"a".repeat(33)} || ${"b".repeat(48)} && c` },
  { path: "  a  //bbob : c? d", constructor: "bob" },
];
/** Numbers above 2^53, which not all of ts-proto's forms hold. */
const large: object[] = [
  { bytes: 2n ** 63n - 1n, ubytes: 2n ** 64n - 1n },
  { bytes: -(2n ** 63n), ubytes: 2n ** 63n },
];

describe.each(variants)("$plugin $messages (told: $told)", ({ name, messages, told }) => {
  test("code allows what the interpreter allows, and nothing else", () => {
    const service = services.get(name) as ServiceSpec;
    const schema = registryOf(service).getMessage("hostile.v1.Request") as DescMessage;
    const site = siteFactory({});
    const methods = Object.values(service.methods) as MethodSpec[];
    const holdsAll = name === "es" || /forceLong=(bigint|long|string)/.test(messages);
    const wrong: { name: string; text: string }[] = [];
    for (const [n, method] of methods.entries()) {
      const cel = rules[n] as string;
      const code = method.authRule?.allows;
      if (!code) continue;
      const interpreted = interpret(cel, site(method, service));
      for (const init of holdsAll ? [...requests, ...large] : requests) {
        const sent = method.request.decode(toBinary(schema, create(schema, init as MessageInitShape<DescMessage>)));
        for (const caller of callers) {
          const auth = variablesOf(caller);
          const of = (decide: typeof code) => {
            try {
              return decide(auth, sent) === true;
            } catch {
              return false;
            }
          };
          const [ours, theirs] = [of(code), of(interpreted)];
          if (ours === theirs || (!ours && told === "" && needTelling.test(messages))) continue;
          wrong.push({
            name: method.name,
            text: `${ours ? "allowed" : "refused"}: ${cel} as ${code} to ${caller.subject}`,
          });
        }
      }
    }
    const refused = wrong.length > 0 ? refusedByCompiler(name) : new Set();
    expect(wrong.filter((one) => !refused.has(one.name)).map(({ text }) => text)).toEqual([]);
  }, 60_000);
});
