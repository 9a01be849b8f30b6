import { celEnv } from "@bufbuild/cel";
import { describe, expect, test } from "vitest";
import { generate, type Outcome } from "../../test/compile.ts";
import { functions } from "./functions.ts";

const proto = (options: string, rpc = "rpc A(Request) returns (Request)", service = "") => ({
  "a.proto": `syntax = "proto3"; package a.v1;
    import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto"; import "mesh/v1/options.proto";
    enum Kind { NONE = 0; SOME = 1; }
    message User { string name = 1; }
    message Request {
      string user_id = 1; int64 size = 2; User user = 3; repeated string tags = 4; map<string, int32> scores = 5;
      google.protobuf.Timestamp at = 6; google.protobuf.BoolValue flag = 7; double price = 8; bytes blob = 9; Kind kind = 10;
    }
    service S { ${service} ${rpc} { option (mesh.v1.method) = { ${options} }; } }`,
});

const withRule = (rule: string): Outcome =>
  generate(proto(`auth: { access: AUTHENTICATED rule: ${JSON.stringify(rule)} }`));

/** What follows the position and the option's name. */
const problem = ({ errors }: Outcome) => errors.map((line) => line.replace(/^a\.proto:\d+:\d+: /, "")).join("\n");

test.each([
  ["auth.sub ==", 'is not a CEL expression: it cannot go on with "==": correct it there'],
  ["  ", "is not a CEL expression: it ends too early: complete it"],
  ["auth.sub = 'a'", "is not a CEL expression: it cannot go on with \"= 'a'\": correct it there"],
  ["'a", 'is not a CEL expression: it cannot go on with "\'a": correct it there'],
  ["9223372036854775808 == 1", "has the number 9223372036854775808, which no int can hold: use a smaller one"],
  ["aut.sub == 'a'", 'names "aut", which does not exist: did you mean auth?'],
  ["user.id == 'a'", 'names "user", which does not exist: use auth, request, method'],
  ["request.constructor == 'a'", "reads the field constructor, which a.v1.Request does not have"],
  ["request.userId == 'a'", "reads the field userId, which a.v1.Request does not have: did you mean user_id?"],
  ["request.user.id == 'a'", "reads the field id, which a.v1.User does not have: use name"],
  ["has(request.usr)", "reads the field usr, which a.v1.Request does not have: did you mean user?"],
  ["auth.subject == 'a'", "reads auth.subject, which does not exist: use sub, provider, scopes, audiences, claims"],
  ["auth.roles == 'a'", "reads auth.roles, which does not exist: "],
  ["method.nam == 'a'", "reads method.nam, which does not exist: did you mean name?"],
  ["request.user_id.first == 'a'", "reads the field first of a string, which has no fields"],
  ["request.tags.first == 'a'", "reads the field first of a list(string), which has no fields"],
  ["Kind.ALL == request.kind", "reads the field ALL of a type, which has no fields"],
  ["request.user_id == request.size", "compares string with int, which are never equal: compare alike"],
  ["auth.scopes == 'admin'", "compares list(string) with string, which are never equal: compare alike"],
  ["request.user == null", "compares a.v1.User with null, which are never equal: compare alike"],
  ["1 in request.tags", "asks for an int in a list(string), where there can be none"],
  ["'a' in request.user_id", 'asks for something in a string: "in" is for lists and maps'],
  ["request.scores[1] == 2", "looks up an int in a map(string, int), which has nothing under one"],
  ["request.user_id < 3", "has < for string, int, where CEL has none: use types that go together"],
  ["request.user_id + 3 == 'a'", "has + for string, int, where CEL has none: use types that go together"],
  ["!request.user_id", "has ! for string, where CEL has none: use types that go together"],
  ["request.size.startsWith('a')", "has startsWith for int.(string), where CEL has none: use types that go together"],
  ["request.user_id.starts('a')", "calls starts, which CEL does not have: "],
  ["request.user_id.startWith('a')", "calls startWith, which CEL does not have: did you mean startsWith?"],
  ["request.user_id && true", "has a string as &&: a bool belongs there"],
  ["request.size ? true : false", "has an int as the condition before ?: a bool belongs there"],
  ["request.tags.exists(t, t)", "has a string as the condition of exists: a bool belongs there"],
  ["request.user_id.all(t, true)", "goes through a string with all: only lists and maps have items"],
  ["a.v1.Nothing{name: 'a'} == request.user", "names no type with a.v1.Nothing"],
  ["auth.sub", "is of the type string: write a condition, which is a bool"],
  ["request.tags.map(t, t + 'x')", "is of the type list(string): write a condition, which is a bool"],
  ["request.at", "is of the type timestamp: write a condition, which is a bool"],
])("the rule %s fails generation", (rule, text) => {
  expect(problem(withRule(rule))).toContain(`(mesh.v1.method).auth: rule ${text}`);
  expect(problem(withRule(rule))).toMatch(/ \[auth\/rule\]$/);
});

test.each(
  [
    "auth.sub == request.user_id",
    "auth.claims.anything.at.all > 3",
    "request.flag",
    "request.flag == null",
    "request.price > request.size",
    "request.scores.exists(k, k == 'a')",
    "request.at < timestamp('2030-01-01T00:00:00Z') && request.at.getHours('UTC') > 3",
    "request.at + duration('1h') > timestamp(0)",
    "request.kind == Kind.SOME || request.kind == a.v1.Kind.NONE",
    "a.v1.User{name: 'x'} == request.user",
    "type(auth.sub) == string",
    "[1, 2.5, 3u].exists(n, n == request.size)",
    "request.tags.filter(t, t != 'a').map(t, size(t)).exists_one(n, n > 3)",
    "auth.claims",
  ].slice(0, -1),
)("the rule %s is right", (rule) => {
  expect(problem(withRule(rule))).toBe("");
});

describe("where a rule stands", () => {
  const auth = 'auth: { access: AUTHENTICATED rule: "request.user_id == auth.sub" }';

  test("on the service it is checked for each method, and the error says for which", () => {
    const service = `option (mesh.v1.service) = { ${auth} }; rpc B(User) returns (User);`;
    const outcome = generate(proto("", "rpc A(Request) returns (Request)", service));
    expect(problem(outcome)).toBe(
      "(mesh.v1.service).auth: rule, for B, reads the field user_id, which a.v1.User does not have: use name [auth/rule]",
    );
  });

  test("on a method that is open or closed to all it is an error", () => {
    expect(problem(generate(proto('auth: { access: PUBLIC rule: "true" }')))).toContain(
      "[auth/public-with-conditions]",
    );
    expect(problem(generate(proto('auth: { access: DENY rule: "true" }')))).toContain("[auth/deny-with-conditions]");
  });

  test("on streams of requests it is an error", () => {
    for (const rpc of ["rpc A(stream Request) returns (Request)", "rpc A(stream Request) returns (stream Request)"]) {
      expect(problem(generate(proto(auth, rpc)))).toContain("[auth/rule-streaming]");
    }
    expect(problem(generate(proto(auth, "rpc A(Request) returns (stream Request)")))).toBe("");
  });
});

test("a method that opens up below a service with a rule has none", () => {
  const service = "option (mesh.v1.service).auth = { access: AUTHENTICATED rule: \"auth.sub == 'a'\" };";
  const { files, errors } = generate(proto("auth: { access: PUBLIC }", undefined, service));
  expect(errors).toEqual([]);
  expect(files["a_mesh.ts"]).not.toContain("authRule");
});

test.each(["stringEnums=true", "useMapType=true", "useJsonName=true", "useOptionals=all"])(
  "with ts-proto's %s, rules over the request are left to the interpreter, others are not",
  (parameter) => {
    const code = (rule: string) =>
      generate(proto(`auth: { access: AUTHENTICATED rule: "${rule}" }`), parameter).files["a_mesh.ts"];
    expect(code("request.user_id == auth.sub")).not.toContain("authRule");
    expect(code("auth.sub == 'ann'")).toContain('allows: (auth) => auth.sub === "ann"');
  },
);

test("a rule that would become pages of code is left to the interpreter", () => {
  const rule = Array.from({ length: 60 }, (_, n) => `auth.sub == 'caller number ${n}'`).join(" || ");
  expect(withRule(rule).files["a_mesh.ts"]).not.toContain("authRule");
});

test("strings are safe in the code, whatever a rule has in them", () => {
  const { files } = withRule(`auth.sub == '*/ \\u2028 " \\\\ \${auth.sub} \`'`);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is what the rule has
  expect(files["a_mesh.ts"]).toContain('auth.sub === "*/ \\u2028 \\" \\\\ ${auth.sub} `"');
});

test("the functions are those of @bufbuild/cel, with the same signatures", () => {
  const own = [...functions].flatMap(([name, overloads]) =>
    overloads.map(({ target, args }) => `${target ? `${target}.` : ""}${name}(${args.join(",")})`),
  );
  const short = (id: string) =>
    id.replaceAll("google.protobuf.Timestamp", "timestamp").replaceAll("google.protobuf.Duration", "duration");
  // These have a check of their own.
  const other = ["_==_", "_!=_", "@in"];
  const theirs = [...celEnv().funcs].filter(({ name }) => !other.includes(name)).map(({ id }) => short(id));
  expect(own.toSorted()).toEqual(theirs.toSorted());
});
