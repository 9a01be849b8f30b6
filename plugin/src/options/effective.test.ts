import { expect, test } from "vitest";
import { generate } from "../../test/compile.ts";

/** What the generated code says about the fallback of a method, below a service that has one. */
function fallbackOf(service: string, method: string) {
  const { files, errors } = generate({
    "a.proto": `syntax = "proto3"; package t; import "mesh/v1/options.proto";
message M { string id = 1; }
service S {
  option (mesh.v1.service) = { auth: { access: PUBLIC } cache: { ttl: "1s" } ${service} };
  rpc A(M) returns (M) { option idempotency_level = NO_SIDE_EFFECTS; option (mesh.v1.method) = { ${method} }; }
  rpc B(M) returns (M) { option (mesh.v1.method) = { off: [CACHE, FALLBACK] }; }
}`,
  });
  expect(errors).toEqual([]);
  const text = files["a_mesh.ts"]?.replace(/\s+/g, " ") ?? "";
  return /fallback: \{ on: \[[^\]]*\], (.*?),? \}/.exec(text)?.[1];
}

test("a level that sets one member of a oneof drops the member that it inherits", () => {
  expect(fallbackOf("fallback: { stale: true }", "")).toBe("stale: true");
  expect(fallbackOf("fallback: { stale: true }", "fallback: { method: 'B' }")).toBe('method: "B"');
  expect(fallbackOf("fallback: { method: 'B' }", "fallback: { stale: true }")).toBe("stale: true");
  expect(fallbackOf("fallback: { stale: true }", `fallback: { json: '{"id":"x"}' }`)).toMatch(/^json: /);
  expect(fallbackOf("fallback: { method: 'B' }", "fallback: { method: 'B' }")).toBe('method: "B"');
});

test("the other options of the message are inherited all the same", () => {
  const both = (method: string) => fallbackOf("fallback: { on: [INTERNAL] stale: true }", method);
  expect(both("fallback: { on: [UNKNOWN] }")).toBe("stale: true");
  expect(both("fallback: { method: 'B' }")).toBe('method: "B"');
});

test("a oneof replaces through profiles too, from left to right", () => {
  const { files, errors } = generate({
    "a.proto": `syntax = "proto3"; package t; import "mesh/v1/options.proto";
option (mesh.v1.file) = {
  profiles: { name: "other" policy: { fallback: { method: "B" } } }
  profiles: { name: "old" policy: { fallback: { stale: true } } }
};
message M { string id = 1; }
service S {
  option (mesh.v1.service) = { auth: { access: PUBLIC } };
  rpc A(M) returns (M) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (mesh.v1.method) = { use: ["old", "other"] };
  }
  rpc B(M) returns (M) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (mesh.v1.method) = { use: ["other", "old"] cache: { ttl: "1s" } };
  }
}`,
  });
  expect(errors).toEqual([]);
  const text = files["a_mesh.ts"] ?? "";
  expect(text.match(/\bstale: true/g)).toHaveLength(1);
  expect(text.match(/\bmethod: "B"/g)).toHaveLength(1);
});

test("a json that is not the reply, and a fallback without what it needs, fail generation", () => {
  const errorsOf = (method: string) =>
    generate({
      "a.proto": `syntax = "proto3"; package t; import "mesh/v1/options.proto";
message M { string id = 1; }
service S { rpc A(M) returns (M) { option (mesh.v1.method) = { auth: { access: PUBLIC } ${method} }; } }`,
    }).errors.map((line) => /\[(.*)\]$/.exec(line)?.[1]);
  expect(errorsOf(`fallback: { json: '{"none": 1}' }`)).toContain("fallback/json");
  expect(errorsOf("fallback: { stale: true }")).toEqual(["fallback/stale-without-cache"]);
  expect(errorsOf("fallback: { method: 'A' }")).toEqual(["fallback/method"]);
  expect(errorsOf("cache: { ttl: '1s' }")).toEqual(["cache/side-effects"]);
  expect(errorsOf("cache: { vary: ['all'] }")).toEqual(["cache/off"]);
});
