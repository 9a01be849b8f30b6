import { expect, test } from "vitest";
import { generate } from "../../test/compile.ts";

interface Operation {
  readonly description?: string;
  readonly responses: { readonly [status: string]: { readonly description?: string; readonly headers?: object } };
}

/** The operations of a method by path and HTTP method, such as `/v1/m get`. */
function operationsOf(rule: string, options = "", types = "(M) returns (M)"): { readonly [place: string]: Operation } {
  const { files, errors } = generate(
    {
      "t.proto": `syntax = "proto3"; package t;
        import "google/api/annotations.proto"; import "google/api/httpbody.proto"; import "mesh/v1/options.proto";
        message M { string id = 1; }
        service S { rpc Call${types} { option (google.api.http) = { ${rule} }; ${options} } }`,
    },
    "openapi=true",
  );
  expect(errors).toEqual([]);
  const { paths } = JSON.parse(files["t_openapi.json"] as string) as { paths: { [path: string]: object } };
  return Object.fromEntries(
    Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => [`${path} ${method}`, operation]),
    ),
  );
}

const policy = (text: string) => `option idempotency_level = NO_SIDE_EFFECTS; option (mesh.v1.method) = { ${text} };`;

/** Where answers have an entity tag, and where 304 is one. */
function tagged(operations: { readonly [place: string]: Operation }): { etag: string[]; unchanged: string[] } {
  const those = (has: (one: Operation) => boolean) =>
    Object.entries(operations).flatMap(([place, operation]) => (has(operation) ? place : []));
  return {
    etag: those(({ responses }) => Object.values(responses).some(({ headers }) => headers && "ETag" in headers)),
    unchanged: those(({ responses }) => "304" in responses),
  };
}

test("only what is read with 200 has an entity tag, under every rule", () => {
  const rule = `get: "/v1/m" additional_bindings { post: "/v1/m" body: "*" }
    additional_bindings { custom: { kind: "*" path: "/v2/m" } } additional_bindings { custom: { kind: "HEAD" path: "/v3/m" } }`;
  const places = ["/v1/m get", "/v2/m get", "/v3/m head"];
  expect(tagged(operationsOf(rule, policy("http: { etag: true }")))).toEqual({ etag: places, unchanged: places });
  const created = operationsOf(rule, policy("http: { etag: true success_status: 203 }"));
  expect(tagged(created)).toEqual({ etag: [], unchanged: [] });
});

test.each([
  ["", "each line is an object with a `result` or, at the end, an `error`"],
  ["stream: LINES", "each line is an object with a `result` or, at the end, an `error`"],
  ["stream: SSE", "there is an event for each message"],
  ["stream: ARRAY", "there is one array"],
])("a stream with %j says what is sent without Accept", (option, form) => {
  const operations = operationsOf('get: "/v1/m"', policy(`http: { ${option} }`), "(M) returns (stream M)");
  expect(operations["/v1/m get"]?.responses[200]?.description).toMatch(new RegExp(`Without it, ${form}\\.$`));
});

test.each([
  ["(stream M) returns (M)", 'post: "/v1/m" body: "*"', "over WebSocket, or as lines or an array in the body."],
  ["(stream google.api.HttpBody) returns (M)", 'post: "/v1/m" body: "*"', "over WebSocket, or as bytes in the body."],
  ["(stream M) returns (M)", 'get: "/v1/m"', "over WebSocket, or one message."],
  [
    "(stream M) returns (stream M)",
    'post: "/v1/m" body: "*"',
    "over WebSocket, or as lines or an array in the body. Without WebSocket it needs HTTP/2.",
  ],
])("%s at %s says how messages are sent", (types, rule, how) => {
  const [operation] = Object.values(operationsOf(rule, "", types));
  expect(operation?.description).toBe(`The request is a stream of messages: ${how}`);
});

test.each([
  ["access: PUBLIC", []],
  ["access: PUBLIC providers: 'idp'", ["401"]],
  ["access: AUTHENTICATED", ["401"]],
  ["access: AUTHENTICATED scopes: 'read'", ["401", "403"]],
  ["access: DENY", ["403"]],
])("auth: { %s } answers with %j", (auth, statuses) => {
  const operations = operationsOf('get: "/v1/m"', policy(`auth: { ${auth} }`));
  const found = Object.keys(operations["/v1/m get"]?.responses ?? {});
  expect(found.filter((status) => status === "401" || status === "403")).toEqual(statuses);
});

test.each([
  ["limits: { request_bytes: 100 }", "(M) returns (M)", true],
  ["limits: { response_bytes: 100 }", "(M) returns (M)", false],
  ["limits: { messages: 5 }", "(M) returns (stream M)", false],
  ["limits: { messages: 5 }", "(stream M) returns (M)", true],
  ["rate_limit: { name: 'a' rate: '1/s' }", "(M) returns (M)", true],
])("%s of %s says that a request may be too much: %s", (option, types, says) => {
  const [operation] = Object.values(operationsOf('post: "/v1/m" body: "*"', policy(option), types));
  expect(Object.keys(operation?.responses ?? {}).includes("429")).toBe(says);
});
