/** A service with methods of all kinds: what its policy means for those that cannot have it. */
import { expect, test } from "vitest";
import { generate } from "../../test/compile.ts";

/** What generation makes of a service's policy: problems, and the names of the methods whose literal has the text. */
function mixed(policy: string, watch = "") {
  const access = policy.includes("auth:") ? "" : "auth: { access: PUBLIC }";
  const { files, errors, warnings } = generate({
    "a.proto": `syntax = "proto3"; package t; import "mesh/v1/options.proto";
message M { string id = 1; }
service S {
  option (mesh.v1.service) = { ${access} ${policy} };
  rpc Get(M) returns (M) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc Put(M) returns (M) { option idempotency_level = IDEMPOTENT; }
  rpc Watch(M) returns (stream M) { option idempotency_level = NO_SIDE_EFFECTS; ${watch} }
  rpc Up(stream M) returns (M) { option idempotency_level = IDEMPOTENT; }
  rpc Chat(stream M) returns (stream M) { option idempotency_level = IDEMPOTENT; }
}`,
  });
  const parts = (files["a_mesh.ts"] ?? "").split(/\n {4}(?=\w+: \{)/).slice(1);
  const having = (text: string) => parts.filter((part) => part.includes(text)).map((part) => part.split(":")[0]);
  const told = (lines: readonly string[]) => lines.map((line) => line.replace(/^a\.proto:\d+:\d+: /, ""));
  return { errors: told(errors), warnings: told(warnings), having };
}

test.each([
  ["cache", 'cache: { ttl: "1s" }', "cache: {", ["get"], { side: "Put", unary: "Watch, Up, Chat" }],
  ["fallback", "fallback: { json: '{}' }", "fallback: {", ["get", "put"], { unary: "Watch, Up, Chat" }],
  ["idempotency", 'idempotency: { key: "metadata:k" }', "idempotency: {", ["get", "put"], { unary: "Watch, Up, Chat" }],
  ["retry", "retry: { attempts: 3 }", "retry: {", ["get", "put", "watch"], { unary: "Up, Chat" }],
  ["hedge", 'hedge: { attempts: 2 delay: "9ms" }', "hedge: {", ["get", "put", "watch"], { unary: "Up, Chat" }],
])(
  "methods that cannot have the %s of their service go without, and generation says so",
  (kind, policy, text, has, of) => {
    const { errors, warnings, having } = mixed(policy, "");
    const own = warnings.filter((line) => line.includes("has no effect"));
    expect(errors).toEqual([]);
    expect(own).toContainEqual(
      expect.stringMatching(
        `^warning: \\(mesh\\.v1\\.service\\)\\.${kind} of ${of.unary}: has no effect, because .* \\[${kind}/`,
      ),
    );
    expect(having(text)).toEqual(has);
    if ("side" in of) expect(own).toHaveLength(2);
    else expect(own).toHaveLength(1);
  },
);

test("who writes it off on the method is told nothing", () => {
  const { warnings } = mixed('idempotency: { key: "metadata:k" }', "option (mesh.v1.method) = { off: IDEMPOTENCY };");
  expect(warnings.filter((line) => line.includes("has no effect"))).toEqual([
    expect.stringContaining("idempotency of Up, Chat: has no effect"),
  ]);
});

test("a field that only some kinds of methods can have is left out on the others without a word", () => {
  const timed = mixed('timeout: { total: "2s" attempt: "500ms" } retry: { attempts: 2 attempt_timeout: true }');
  expect(timed.errors).toEqual([]);
  expect(timed.having("attemptMs: 500")).toEqual(["get", "put"]);
  expect(timed.having("totalMs: 2000")).toEqual(["get", "put", "watch", "up", "chat"]);
  expect(timed.having("attemptTimeout: true")).toEqual(["get", "put"]);
  expect(timed.warnings.filter((line) => line.includes("attempt_timeout") || line.includes(".timeout"))).toEqual([]);
  const limited = mixed("limits: { messages: 3 }");
  expect([limited.errors, limited.warnings.filter((line) => line.includes(".limits"))]).toEqual([[], []]);
  expect(limited.having("messages: 3")).toEqual(["watch", "up", "chat"]);
  expect(limited.having("limits: {")).toEqual(["watch", "up", "chat"]);
});

test("a field that the service sets does not make what the method sets beside it an error", () => {
  const { errors, having } = mixed(
    'timeout: { total: "2s" attempt: "500ms" }',
    'option (mesh.v1.method) = { timeout: { idle: "9s" } };',
  );
  expect(errors).toEqual([]);
  expect(having("idleMs: 9000")).toEqual(["watch"]);
  expect(having("attemptMs: 500")).toEqual(["get", "put"]);
});

test.each([
  ["timeout: { attempt: '1s' }", "(mesh.v1.method).timeout: attempt would cut a stream"],
  ["cache: { ttl: '1s' }", "(mesh.v1.method).cache: only replies of unary methods are kept"],
  ["idempotency: { key: 'metadata:k' }", "(mesh.v1.method).idempotency: only unary methods"],
])("a method that asks for it itself, as with %s, is an error as before", (policy, text) => {
  const { errors } = mixed("", `option (mesh.v1.method) = { ${policy} };`);
  expect(errors).toEqual([expect.stringContaining(text)]);
});

test("a fallback goes with the cache that it takes its replies from, and only then", () => {
  const stale = "fallback: { stale: true }";
  const both = mixed(`cache: { ttl: "1s" } ${stale}`);
  expect(both.errors).toEqual([]);
  expect(both.having("fallback: {")).toEqual(["get"]);
  expect(mixed(stale).errors).toEqual([
    expect.stringMatching(/fallback of Get, Put: stale takes .*stale-without-cache/),
  ]);
});

test("what protects is never left out: it is an error that names the methods", () => {
  const rule = mixed('auth: { access: AUTHENTICATED rule: "request.id == auth.sub" }');
  expect(rule.errors).toEqual([
    expect.stringMatching(/^\(mesh\.v1\.service\)\.auth of Up, Chat: .* \[auth\/rule-streaming\]$/),
  ]);
  const limit = mixed('rate_limit: { name: "a" rate: "1/s" by: "field:id" }');
  expect(limit.errors).toEqual([expect.stringContaining(".rate_limit of Up, Chat: ")]);
  const adaptive = mixed("concurrency: { adaptive: GRADIENT }");
  expect(adaptive.errors).toEqual([expect.stringContaining(".concurrency of Watch, Up, Chat: ")]);
});

test("one line names five methods and counts the others", () => {
  const methods = [..."ABCDEFG"].map((name) => `rpc ${name}(M) returns (stream M);`).join("\n");
  const { warnings } = generate({
    "a.proto": `syntax = "proto3"; package t; import "mesh/v1/options.proto";
message M {}
service S { option (mesh.v1.service) = { auth: { access: PUBLIC } cache: { ttl: "1s" } }; ${methods} }`,
  });
  expect(warnings.filter((line) => line.includes(".cache"))).toEqual([
    expect.stringContaining("(mesh.v1.service).cache of A, B, C, D, E and 2 more: has no effect"),
  ]);
});
