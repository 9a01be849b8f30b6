/** What the rules on files, services, profiles and fields say, and about what they keep silent. */
import { describe, expect, test } from "vitest";
import { generate } from "../../test/compile.ts";
import { lintRules } from "./rules.ts";

const start = 'syntax = "proto3"; package t; import "mesh/v1/options.proto";\nmessage M { string id = 1; }\n';
const closed = 'auth: { access: DENY } timeout: { total: "2s" }';

/** Findings without their file, by the rules of this folder alone. */
function found(...protos: readonly string[]): string[] {
  const files = Object.fromEntries(protos.map((text, index) => [`${index}.proto`, text]));
  const { errors, warnings } = generate(files);
  return [...errors, ...warnings].filter((line) => lintRules.some(({ id }) => line.endsWith(`[${id}]`)));
}

const service = (policy: string, methods: string, more = "") =>
  `${start}${more}service S {\n  option (mesh.v1.service) = { ${policy} };\n${methods}\n}`;
const method = (policy: string, level = "", name = "Do") =>
  `rpc ${name}(M) returns (M) { ${level && `option idempotency_level = ${level};`} option (mesh.v1.method) = { ${policy} }; }`;

test("a service that says what matters has no findings", () => {
  expect(found(service(closed, "rpc Do(M) returns (M);"))).toEqual([]);
});

test("files that use no options have no findings", () => {
  const plain = 'syntax = "proto3"; package u; message M { string password = 1; } service U { rpc Do(M) returns (M); }';
  expect(found(plain, plain.replaceAll("package u", "package v"))).toEqual([]);
  expect(found(plain, start)).toEqual([]);
});

test("timeout/missing: unary methods without a deadline, in one line for each service", () => {
  const lines = found(
    service(
      "auth: { access: DENY }",
      `rpc A(M) returns (M); rpc B(M) returns (M); rpc C(M) returns (stream M); ${method('timeout: { max: "1s" }', "", "D")}`,
    ),
  );
  expect(lines).toEqual([
    expect.stringMatching(/^0\.proto:3:1: warning: t\.S of A, B: no level sets timeout\.total.*\[timeout\/missing\]$/),
  ]);
  expect(found(service('auth: { access: DENY } timeout: { idle: "1s" }', "rpc A(M) returns (M);"))).toHaveLength(1);
});

test("auth/missing: methods that nobody may call because nobody said who", () => {
  const lines = found(service('timeout: { total: "1s" }', `rpc A(M) returns (M); ${method("auth: { access: DENY }")}`));
  expect(lines).toEqual([
    expect.stringMatching(/^0\.proto:3:1: warning: t\.S of A: no level sets auth, .*\[auth\/missing\]$/),
  ]);
});

test("auth/public-side-effects: PUBLIC that a method with side effects only inherits", () => {
  const lines = found(
    service(
      'auth: { access: PUBLIC } timeout: { total: "1s" }',
      `rpc A(M) returns (M); ${method("auth: { access: PUBLIC }", "", "B")} ${method("", "NO_SIDE_EFFECTS", "C")}
       ${method("auth: { access: DENY }", "", "D")} ${method("", "IDEMPOTENT", "E")}`,
    ),
  );
  expect(lines).toEqual([
    expect.stringMatching(/^0\.proto:4:\d+: warning: \(mesh\.v1\.service\)\.auth.* of A, E: everybody may call /),
  ]);
});

test("auth/scopes-dropped: a list of scopes that leaves out inherited ones", () => {
  const of = (scopes: string) =>
    found(service('auth: { access: AUTHENTICATED scopes: ["a", "b"] } timeout: { total: "1s" }', method(scopes)));
  expect(of('auth: { scopes: "a" }')).toEqual([
    expect.stringMatching(/^0\.proto:5:\d+: warning: \(mesh\.v1\.method\)\.auth.*: .*so b is no longer needed here/),
  ]);
  expect(of('auth: { scopes: ["b", "c", "a"] }')).toEqual([]);
  expect(of("auth: { access: PUBLIC }")).toEqual([]);
  expect(found(service(closed, method('auth: { access: AUTHENTICATED scopes: "a" }')))).toEqual([]);
});

test("cache/sensitive-reply: a cache of replies with sensitive fields, however deep", () => {
  const messages =
    "message R { N n = 1; R self = 2; } message N { string pin = 1 [(mesh.v1.field).sensitive = true]; }\n";
  const rpc = (name: string, reply: string) =>
    `rpc ${name}(M) returns (${reply}) { option idempotency_level = NO_SIDE_EFFECTS; }`;
  const lines = found(service(`${closed} cache: { ttl: "1s" }`, `${rpc("A", "R")} ${rpc("B", "M")}`, messages));
  expect(lines).toEqual([
    expect.stringMatching(
      /^0\.proto:5:\d+: warning: \(mesh\.v1\.service\)\.cache of A: replies hold N\.pin, which is sensitive/,
    ),
  ]);
});

test("fallback/too-large: a constant reply above the limit for replies", () => {
  const of = (bytes: number) =>
    found(
      service(
        closed,
        method(`fallback: { json: '{"id": "12345678"}' } limits: { response_bytes: ${bytes} }`, "NO_SIDE_EFFECTS"),
      ),
    );
  expect(of(9)).toEqual([
    expect.stringMatching(/^0\.proto:5:\d+: \(mesh\.v1\.method\)\.fallback: json is a reply of 10 bytes/),
  ]);
  expect(of(10)).toEqual([]);
});

describe("fallback/violates-rules", () => {
  const rules = `import "buf/validate/validate.proto"; import "predefined.proto";
    message Line { int32 count = 1 [(buf.validate.field).int32.gt = 0]; Stock within = 2; }
    message Stock {
      string item = 1 [(buf.validate.field).string = { min_len: 2 max_len: 20 }];
      repeated Line lines = 2 [(buf.validate.field).repeated.max_items = 3];
      map<string, Line> shelves = 3;
      string code = 4 [(buf.validate.field).string.(t.shouted) = true];
      string hour = 5 [(buf.validate.field).cel = {
        id: "hour" message: "is no hour" expression: "this == '' || int(this) < 24" }];
      option (buf.validate.message).cel = { id: "known" message: "nowhere is no item" expression: "this.item != 'nowhere'" };
    }
    message Wrong { int32 count = 1 [(buf.validate.field).string.min_len = 1]; }
    message Plain { string item = 1; }
  `;
  const predefined = `syntax = "proto2"; package t; import "buf/validate/validate.proto";
    extend buf.validate.StringRules {
      optional bool shouted = 80048954 [(buf.validate.predefined).cel = {
        id: "string.shouted" message: "must be in capitals" expression: "!rule || this.matches('^[A-Z]*$')" }];
    }`;
  /** In a file of its own the messages are none of the service's, whose file imports them. */
  const answering = (reply: string, json: string, level: "service" | "method" = "method") => {
    const policy = `fallback: { json: ${JSON.stringify(json)} }`;
    const closedBy = 'auth: { access: DENY } timeout: { total: "2s" }';
    const { errors } = generate({
      "predefined.proto": predefined,
      "messages.proto": `syntax = "proto3"; package t; ${rules}`,
      "0.proto": `syntax = "proto3"; package t; import "mesh/v1/options.proto"; import "messages.proto";
service S {
  option (mesh.v1.service) = { ${closedBy} ${level === "service" ? policy : ""} };
  rpc Do(Plain) returns (${reply}) { option idempotency_level = NO_SIDE_EFFECTS; option (mesh.v1.method) = { ${level === "method" ? policy : ""} }; }
}`,
    });
    return errors;
  };

  test.each([
    ["Stock", '{"item": "tea"}'],
    ["Stock", '{"item": "tea", "lines": [{"count": 1}], "shelves": {"a": {"count": 2}}, "code": "AB", "hour": "23"}'],
    ["Plain", "{}"],
    // What is no reply at all is told by fallback/json alone.
    ["Stock", '{"itme": "tea"}'],
  ])("a %s of %s has no finding", (reply, json) => {
    expect(answering(reply, json).filter((line) => !line.endsWith("[fallback/json]"))).toEqual([]);
  });

  test.each([
    ['{"item": "x"}', "item: must be at least 2 characters [string.min_len]"],
    ["{}", "item: must be at least 2 characters [string.min_len]"],
    ['{"item": "tea", "lines": [{"count": 1}, {}]}', "lines[1].count: must be greater than 0 [int32.gt]"],
    ['{"item": "tea", "shelves": {"a": {}}}', 'shelves["a"].count: must be greater than 0 [int32.gt]'],
    ['{"item": "tea", "code": "ab"}', "code: must be in capitals [string.shouted]"],
    ['{"item": "nowhere"}', "nowhere is no item [known]"],
    ['{"item": "x", "hour": "24"}', "item: must be at least 2 characters [string.min_len], hour: is no hour [hour]"],
  ])("%s breaks: %s", (json, violated) => {
    const [line, ...more] = answering("Stock", json);
    expect(line).toMatch(/^0\.proto:4:\d+: \(mesh\.v1\.method\)\.fallback: json breaks the rules of t\.Stock: /);
    expect(line).toContain(`t.Stock: ${violated}; answer something that keeps them`);
    expect(line).toMatch(/ \[fallback\/violates-rules\]$/);
    expect(more).toEqual([]);
  });

  test("of a service, the methods are named whose replies it is", () => {
    expect(answering("Stock", "{}", "service")).toEqual([
      expect.stringMatching(
        /^0\.proto:3:\d+: \(mesh\.v1\.service\)\.fallback of Do: json breaks the rules of t\.Stock/,
      ),
    ]);
  });

  test.each([
    ["Wrong", '{"count": 1}'],
    ["Stock", '{"item": "tea", "hour": "noon"}'],
  ])("a %s of %s, of which the rules cannot say, is wrong, too", (reply, json) => {
    expect(answering(reply, json)).toEqual([
      expect.stringMatching(
        new RegExp(`: whether json keeps the rules of t\\.${reply} cannot be said, because .*violates-rules\\]$`),
      ),
    ]);
  });
});

test("rate-limit/fail-mode: a shared limit that leaves open what happens without its store", () => {
  const limit = (more: string) => `rate_limit: { name: "a" rate: "9/s" shared: true ${more} }`;
  expect(found(service(`${closed} ${limit("")}`, "rpc Do(M) returns (M);"))).toEqual([
    expect.stringMatching(/^0\.proto:4:\d+: warning: \(mesh\.v1\.service\)\.rate_limit\[0\]: .*set fail_closed/),
  ]);
  expect(found(service(closed, method(limit(""))))).toHaveLength(1);
  expect(found(service(`${closed} ${limit("fail_closed: false")}`, "rpc Do(M) returns (M);"))).toEqual([]);
  // What the service has said holds for the method's own bucket, too.
  expect(found(service(`${closed} ${limit("fail_closed: true")}`, method(limit(""))))).toEqual([]);
});

test("retry/amplification: attempts that multiply along imports, told once where they grow too many", () => {
  const layer = (n: number, attempts: number, below?: number) => `syntax = "proto3"; package l${n};
import "mesh/v1/options.proto"; ${below === undefined ? "" : `import "${below}.proto";`} message M${n} {}
service S${n} { option (mesh.v1.service) = { ${closed} retry: { attempts: ${attempts} } };
  rpc Do(M${n}) returns (M${n}) { option idempotency_level = IDEMPOTENT; } }`;
  expect(found(layer(0, 2), layer(1, 2, 0))).toEqual([]);
  expect(found(layer(0, 5))).toEqual([]);
  expect(found(layer(0, 3), layer(1, 3))).toEqual([]);
  expect(found(layer(0, 3), layer(1, 3, 0), layer(2, 3, 1))).toEqual([
    expect.stringMatching(
      /^1\.proto:3:\d+: warning: \(mesh\.v1\.service\)\.retry.*: .*: 3 of Do x 3 of S0\.Do are 9 requests/,
    ),
  ]);
});

test("profile/unused: a profile that nothing uses, unless its file is one of profiles", () => {
  const profiles = 'option (mesh.v1.file) = { profiles: { name: "a" policy: { retry: { jitter: FULL } } } };\n';
  const with2 = (more: string) =>
    `${start}${profiles}service S { option (mesh.v1.service) = { ${closed} ${more} }; rpc Do(M) returns (M); }`;
  expect(found(with2(""))).toEqual([expect.stringMatching(/^0\.proto:3:\d+: warning: .*nothing uses profile "a"/)]);
  expect(found(with2('use: "a"'))).toEqual([]);
  expect(found(`${start}${profiles}`)).toEqual([]);
});

test("policy/repeats-inherited: a whole policy that says nothing new", () => {
  const of = (policy: string) =>
    found(
      service(
        `auth: { access: DENY } timeout: { total: "2s" max: "9s" } rate_limit: { name: "a" rate: "9/s" by: "peer" }`,
        method(policy),
      ),
    );
  expect(of('timeout: { total: "2s" }')).toEqual([
    expect.stringMatching(
      /^0\.proto:5:\d+: warning: \(mesh\.v1\.method\)\.timeout: the service says the same already: remove it here/,
    ),
  ]);
  // Of a service that repeats its file, the limit is the same one; a method gets a bucket of its own.
  const limit = 'rate_limit: { name: "a" rate: "9/s" }';
  const defaults = `option (mesh.v1.file) = { defaults: { ${closed} ${limit} } };\n`;
  expect(found(service(limit, "rpc Do(M) returns (M);", defaults))).toEqual([
    expect.stringMatching(/\(mesh\.v1\.service\)\.rate_limit: the file says the same already/),
  ]);
  for (const new_ of [
    'timeout: { total: "2s" max: "8s" }',
    'off: TIMEOUT timeout: { total: "2s" }',
    "auth: { access: DENY }",
    limit,
    'rate_limit: { name: "b" rate: "9/s" }',
  ])
    expect(of(new_), new_).toEqual([]);
});

test.each([
  ["string password = 2", true],
  ["repeated bytes client_secret = 2", true],
  ["string access_token = 2", true],
  ["string api_key = 2", true],
  ["string ssn = 2", true],
  ["string accessToken = 2", true],
  ["string PASSWORD = 2", true],
  ["google.protobuf.StringValue api_key = 2", true],
  ["string nextPageToken = 2", false],
  ["google.protobuf.Int32Value token = 2", false],
  ["string page_token = 2", false],
  ["string secret_name = 2", false],
  ["int32 token = 2", false],
  ["M password = 2", false],
  ["string password = 2 [(mesh.v1.field).sensitive = true]", false],
  ["string password = 2 [(mesh.v1.field).sensitive = false]", false],
])("field/sensitive-name: %s", (field, told) => {
  const text = service(closed, "rpc Do(M) returns (M);", `message N { ${field}; }\n`).replace(
    'import "',
    'import "google/protobuf/wrappers.proto"; import "',
  );
  expect(found(text).map((line) => /^0\.proto:3:\d+: warning: .*\[(.*)\]$/.exec(line)?.[1])).toEqual(
    told ? ["field/sensitive-name"] : [],
  );
});

test("nothing that a proto file says begins a line of its own", () => {
  const { errors } = generate({
    "0.proto": service(closed, method('fallback: { method: "a\\n::error::" }', "NO_SIDE_EFFECTS")),
  });
  expect(errors).toEqual([
    expect.stringMatching(/the service has no method a\\n::error::: name one .*\[fallback\/method\]$/),
  ]);
});

test("a method whose options are wrong is told that, and nothing that follows from it", () => {
  expect(found(service("", `${method("retry: { attempts: 9 }")}`))).toEqual([]);
});
