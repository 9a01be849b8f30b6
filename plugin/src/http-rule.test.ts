import { create, createFileRegistry, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type DescriptorProtoSchema,
  type FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import {
  defaultRoute,
  type HttpRule,
  HttpRuleError,
  parseHttpRule,
  RouteConflicts,
  routeWarnings,
} from "./http-rule.ts";

const message = (name: string, fields: MessageInitShape<typeof FieldDescriptorProtoSchema>[]) =>
  ({
    name,
    field: fields.map((field, index) => ({ label: Label.OPTIONAL, type: Type.STRING, number: index + 1, ...field })),
  }) satisfies MessageInitShape<typeof DescriptorProtoSchema>;

const messageField = (name: string, typeName: string, label = Label.OPTIONAL) => ({
  name,
  type: Type.MESSAGE,
  typeName,
  label,
});

const file = create(FileDescriptorProtoSchema, {
  name: "t.proto",
  package: "t",
  syntax: "proto3",
  dependency: ["timestamp", "struct", "wrappers"].map((name) => `google/protobuf/${name}.proto`),
  messageType: [
    message("User", [{ name: "id" }, messageField("boss", ".t.User")]),
    {
      ...message("Request", [
        { name: "id" },
        { name: "user_name", jsonName: "userName" },
        messageField("user", ".t.User"),
        { name: "tags", label: Label.REPEATED },
        messageField("users", ".t.User", Label.REPEATED),
        messageField("at", ".google.protobuf.Timestamp"),
        messageField("facts", ".google.protobuf.Struct"),
        messageField("wrapped", ".google.protobuf.Int64Value"),
        { name: "left", oneofIndex: 0 },
        { name: "right", oneofIndex: 0 },
        { name: "kind", type: Type.ENUM, typeName: ".t.Kind" },
        messageField("labels", ".t.Request.LabelsEntry", Label.REPEATED),
      ]),
      oneofDecl: [{ name: "either" }],
      nestedType: [{ ...message("LabelsEntry", [{ name: "key" }, { name: "value" }]), options: { mapEntry: true } }],
    },
    message("Reply", [{ name: "items", label: Label.REPEATED }, messageField("user", ".t.User")]),
  ],
  enumType: [{ name: "Kind", value: [{ name: "KIND_UNSPECIFIED", number: 0 }] }],
});
const registry = createFileRegistry(
  create(FileDescriptorSetSchema, {
    file: [file_google_protobuf_timestamp, file_google_protobuf_struct, file_google_protobuf_wrappers]
      .map((known) => known.proto)
      .concat(file),
  }),
);
const method = {
  input: registry.getMessage("t.Request") as DescMessage,
  output: registry.getMessage("t.Reply") as DescMessage,
  kind: "unary",
} as const;

const rule = (pattern: HttpRule["pattern"], more: Partial<HttpRule> = {}): HttpRule => ({
  selector: "",
  pattern,
  body: "",
  responseBody: "",
  additionalBindings: [],
  ...more,
});
const get = (value: string, more?: Partial<HttpRule>) => rule({ case: "get", value }, more);
const post = (value: string, more?: Partial<HttpRule>) => rule({ case: "post", value }, more);
const custom = (kind: string, path: string, more?: Partial<HttpRule>) =>
  rule({ case: "custom", value: { kind, path } }, more);

test("gives the rule's own route and those of its additional bindings, in order", () => {
  expect(
    parseHttpRule(
      post("/v1/{user.id}:promote", {
        body: "user",
        responseBody: "items",
        additionalBindings: [get("/v1/x"), custom("*", "/any/{id=**}", { body: "*" })],
      }),
      method,
    ),
  ).toEqual([
    {
      method: "POST",
      template: "/v1/{user.id}:promote",
      segments: ["v1", "*"],
      verb: "promote",
      variables: [{ field: "user.id", from: 1, to: 2 }],
      body: "user",
      responseBody: "items",
    },
    { method: "GET", template: "/v1/x", segments: ["v1", "x"], variables: [] },
    {
      method: "*",
      template: "/any/{id=**}",
      segments: ["any", "**"],
      variables: [{ field: "id", from: 1, to: 2 }],
      body: "*",
    },
  ]);
});

test.each(["id", "user.boss.boss.id", "at", "wrapped", "kind", "left"])("binds %s to a path segment", (field) => {
  expect(parseHttpRule(get(`/v1/{${field}}`), method)).toHaveLength(1);
});

test.each(["*", "user", "tags", "users", "labels", "kind", "facts"])("takes %s from the body", (body) => {
  expect(parseHttpRule(post("/v1", { body }), method)[0]?.body).toBe(body);
});

test.each(["get", "put", "post", "delete", "patch"] as const)("serves %s", (kind) => {
  expect(parseHttpRule(rule({ case: kind, value: "/v1" }), method)[0]?.method).toBe(kind.toUpperCase());
});

test.each(["HEAD", "OPTIONS", "PROPFIND", "M-SEARCH", "*"])("serves custom kind %s", (kind) => {
  expect(parseHttpRule(custom(kind, "/v1"), method)[0]?.method).toBe(kind);
});

test("keeps the routes of methods whose caller streams", () => {
  expect(parseHttpRule(post("/v1", { body: "*" }), { ...method, kind: "bidi" })).toHaveLength(1);
});

test.each<[string, HttpRule, string]>([
  ["no pattern", rule({ case: undefined }), "names no HTTP method: set one of get"],
  ["a bad template", get("/v1//x"), 'path "/v1//x": it has an empty segment'],
  ["an unknown field", get("/v1/{nope}"), "t.Request has no field nope: it has id, user_name"],
  ["a JSON name", get("/v1/{userName}"), "write user_name, as the proto file does"],
  ["a repeated field in the path", get("/v1/{tags}"), "tags is repeated"],
  ["a repeated message on the way", get("/v1/{users.id}"), "users is repeated"],
  ["a map in the path", get("/v1/{labels}"), "labels is a map"],
  ["a message in the path", get("/v1/{user}"), "t.User is a message that no path segment can hold"],
  ["a Struct in the path", get("/v1/{facts}"), "google.protobuf.Struct is a message"],
  ["a step through a scalar", get("/v1/{id.x}"), "id is no message"],
  ["a step through an enum", get("/v1/{kind.x}"), "kind is no message"],
  ["two members of a oneof", get("/v1/{left}/{right}"), "left and right are members of oneof either"],
  ["GET with a body", get("/v1", { body: "*" }), 'GET /v1 has body "*"'],
  ["custom GET with a body", custom("GET", "/v1", { body: "*" }), 'GET /v1 has body "*"'],
  ["HEAD with a body", custom("HEAD", "/v1", { body: "user" }), 'HEAD /v1 has body "user"'],
  ["an unknown body field", post("/v1", { body: "nope" }), 'body "nope": t.Request has no field nope'],
  ["a nested body field", post("/v1", { body: "user.id" }), 'body "user.id" is not a field of t.Request'],
  ["a body in JSON spelling", post("/v1", { body: "userName" }), "write user_name"],
  ["an unknown response_body", get("/v1", { responseBody: "id" }), "t.Reply has no field id: it has items, user"],
  ["response_body *", get("/v1", { responseBody: "*" }), "write nothing for the whole reply"],
  ["a nested response_body", get("/v1", { responseBody: "user.id" }), "is not a field of t.Reply"],
  [
    "a lower-case kind",
    custom("head", "/v1"),
    'custom kind "head" is no HTTP method that Node.js serves: write "HEAD"',
  ],
  ["an unknown kind", custom("FROB", "/v1"), 'use one that it has, or "*"'],
  ["CONNECT", custom("CONNECT", "/v1"), 'custom kind "CONNECT"'],
  ["an empty kind", custom("", "/v1"), 'custom kind ""'],
])("refuses %s", (_name, bad, complaint) => {
  expect(() => parseHttpRule(bad, method)).toThrow(HttpRuleError);
  expect(() => parseHttpRule(bad, method)).toThrow(complaint);
});

test("names the additional binding that is wrong", () => {
  const bad = get("/v1", { additionalBindings: [get("/v2"), get("v3")] });
  expect(() => parseHttpRule(bad, method)).toThrow(
    expect.objectContaining({
      binding: 2,
      message: expect.stringContaining("google.api.http, additional_bindings[1]: path"),
    }),
  );
});

test("refuses additional bindings inside additional bindings", () => {
  const bad = get("/v1", { additionalBindings: [get("/v2", { additionalBindings: [get("/v3")] })] });
  expect(() => parseHttpRule(bad, method)).toThrow("must not have additional_bindings");
});

const routeOf = (bad: HttpRule) => parseHttpRule(bad, method).map((route) => ({ path: "/t.S/M", route }))[0];
const routes = (...rules: HttpRule[]) =>
  rules.flatMap((one, index) => parseHttpRule(one, method).map((route) => ({ path: `/t.S/M${index}`, route })));

function conflicts(list: ReturnType<typeof routes>) {
  const all = new RouteConflicts();
  return list.flatMap(({ path, route }) => all.add(path, route) ?? []);
}

test("finds two routes that no request could tell apart", () => {
  expect(conflicts(routes(get("/e/{id}:x"), get("/f"), get("/e/{user.id=*}:x")))).toEqual([
    "GET /e/{user.id=*}:x of /t.S/M2 matches the same requests as /e/{id}:x of /t.S/M0: change one of them",
  ]);
  expect(conflicts(routes(get("/%41b"), get("/Ab")))).toHaveLength(1);
  expect(conflicts(routes(get("/{id=a/**}"), get("/a/**")))).toHaveLength(1);
});

test("sees no conflict where the more specific route wins", () => {
  expect(
    conflicts(
      routes(
        get("/e/{id}"),
        post("/e/{id}"),
        custom("*", "/e/{id}"),
        get("/e/{id}:x"),
        get("/e/a"),
        get("/e/{id=**}"),
        get("/e/%2A"),
        get("/e/%3Ax"),
      ),
    ),
  ).toEqual([]);
});

test("a method without a rule is found where gRPC finds it", () => {
  const route = defaultRoute("acme.v1.Shop", "GetOrder");
  expect(route).toEqual(parseHttpRule(post("/acme.v1.Shop/GetOrder", { body: "*" }), method)[0]);
});

test("warns about what others refuse or drop", () => {
  const warnings = (bad: HttpRule) => routeWarnings(routeOf(bad)?.route as never);
  expect(warnings(get("/v1/{id=**}/x"))).toEqual([expect.stringContaining('segments after "**"')]);
  expect(warnings(rule({ case: "delete", value: "/v1" }, { body: "*" }))).toEqual([
    expect.stringContaining("DELETE /v1 has a body"),
  ]);
  expect(warnings(get("/v1/{id=**}"))).toEqual([]);
  expect(warnings(post("/v1", { body: "*" }))).toEqual([]);
});
