/** The options of HTTP that say how replies are sent. */
import { expect, test } from "vitest";
import { generate } from "../../test/compile.ts";

/** What generation makes of `http` on a service, or on its method Get. */
function options({ service = "", method = "", route = 'get: "/v1/get"', more = "" }) {
  const http = route === "" ? "" : `option (google.api.http) = { ${route} };`;
  const { files, errors, warnings } = generate({
    "a.proto": `syntax = "proto3"; package t;
import "google/api/annotations.proto";
import "mesh/v1/options.proto";
message M { string id = 1; }
service S {
  option (mesh.v1.service) = { auth: { access: PUBLIC } ${service} };
  rpc Get(M) returns (M) { option idempotency_level = NO_SIDE_EFFECTS; ${http} ${method} }
  rpc Put(M) returns (M) { option (google.api.http) = { post: "/v1/put" body: "*" }; ${more} }
  rpc Watch(M) returns (stream M) { option (google.api.http) = { get: "/v1/watch" }; }
}`,
  });
  const parts = (files["a_mesh.ts"] ?? "").split(/\n {4}(?=\w+: \{)/).slice(1);
  const having = (text: string) => parts.filter((part) => part.includes(text)).map((part) => part.split(":")[0]);
  const told = (lines: readonly string[]) => lines.map((line) => line.replace(/^a\.proto:\d+:\d+: /, ""));
  return { errors: told(errors), warnings: told(warnings), having };
}

const ofMethod = (text: string) => `option (mesh.v1.method) = { http: { ${text} } };`;

test("etag and stream reach the methods that can have them, and a service may say both for all", () => {
  const { errors, warnings, having } = options({ service: "http: { etag: true stream: SSE }" });
  expect([errors, warnings.filter((line) => line.includes("http"))]).toEqual([[], []]);
  expect(having("etag: true")).toEqual(["get"]);
  expect(having('stream: "SSE"')).toEqual(["watch"]);
});

test.each([
  ["without a route at all", { route: "" }, "http/etag-without-get"],
  ["with a route for POST alone", { route: 'post: "/v1/get" body: "*"' }, "http/etag-without-get"],
])("etag of a method %s is an error", (_, service, rule) => {
  const { errors } = options({ method: ofMethod("etag: true"), ...service });
  expect(errors).toEqual([expect.stringMatching(new RegExp(`etag.*\\[${rule}\\]$`))]);
});

test.each([
  ["an additional GET", 'post: "/v1/get" body: "*" additional_bindings { get: "/v1/get" }'],
  ["a route for any method", 'custom { kind: "*" path: "/v1/get" }'],
])("etag needs no more than %s", (_, route) => {
  const { errors, having } = options({ method: ofMethod("etag: true"), route });
  expect(errors).toEqual([]);
  expect(having("etag: true")).toEqual(["get"]);
});

test("etag of a method that changes something is an error, as stream is of one without a stream", () => {
  expect(options({ more: ofMethod("etag: true") }).errors).toEqual([
    expect.stringMatching(/set idempotency_level to NO_SIDE_EFFECTS, or remove etag \[http\/etag-side-effects\]$/),
    expect.stringMatching(/\[http\/etag-without-get\]$/),
  ]);
  expect(options({ method: ofMethod("stream: ARRAY") }).errors).toEqual([
    expect.stringMatching(/this method has one reply.*\[http\/stream-of-unary\]$/),
  ]);
});

test("a status without a body is for methods without streams of replies: an error on them, and not inherited", () => {
  const watching = "rpc See(M) returns (stream M) { option (mesh.v1.method) = { http: { success_status: 205 } }; }";
  expect(options({ more: `} ${watching} rpc Del(M) returns (M) {` }).errors).toEqual([
    expect.stringMatching(/success_status 205 has no body.*\[http\/empty-stream\]$/),
  ]);
  const { errors, having } = options({ service: "http: { success_status: 204 }" });
  expect(errors).toEqual([]);
  expect(having("successStatus: 204")).toEqual(["get", "put"]);
});

test("etag: false says nothing, so it is right everywhere", () => {
  expect(options({ more: ofMethod("etag: false") }).errors).toEqual([]);
});
