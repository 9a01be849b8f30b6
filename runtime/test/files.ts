import { create, createFileRegistry, type DescMessage, fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { MethodKind, MethodSpec, Route, ServiceSpec } from "../src/core/spec.ts";
import { createGateway, type GatewayOptions } from "../src/gateway/gateway.ts";
import { inProcess } from "../src/in-process.ts";
import { esCodec } from "../src/messages/codec.ts";
import type { MethodPolicy } from "../src/policies/index.ts";
import { implement } from "../src/server.ts";
import { listen } from "./over-http.ts";

/** A field: its type, `*` after it for a repeated one. */
type Fields = { readonly [name: string]: string };

const types: { readonly [type: string]: string } = {
  string: "TYPE_STRING",
  int32: "TYPE_INT32",
  bytes: "TYPE_BYTES",
  bool: "TYPE_BOOL",
};

const message = (name: string, fields: Fields): JsonValue => ({
  name,
  field: Object.entries(fields).map(([field, type], index) => {
    const plain = type.replace("*", "");
    return {
      name: field,
      jsonName: field.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      number: index + 1,
      label: type.endsWith("*") ? "LABEL_REPEATED" : "LABEL_OPTIONAL",
      ...(types[plain] ? { type: types[plain] } : { type: "TYPE_MESSAGE", typeName: plain }),
    };
  }),
});

const item = { folder: "string", name: "string", count: "int32", tags: "string*", strict: "bool", numbers: "int32*" };
const files = [
  {
    name: "google/api/httpbody.proto",
    package: "google.api",
    syntax: "proto3",
    messageType: [message("HttpBody", { content_type: "string", data: "bytes" })],
  },
  {
    name: "files.proto",
    package: "test.files.v1",
    syntax: "proto3",
    dependency: ["google/api/httpbody.proto"],
    messageType: [
      message("Put", { ...item, file: ".google.api.HttpBody" }),
      message("Item", item),
      message("Holder", { folder: "string", item: ".test.files.v1.Item" }),
      message("Done", { count: "int32", seen: "string*" }),
    ],
  },
].map((json) => fromJson(FileDescriptorProtoSchema, json as JsonValue));

const known = createFileRegistry(files[0] as (typeof files)[0], () => undefined);
const registry = createFileRegistry(
  ...[known, createFileRegistry(files[1] as (typeof files)[0], (name) => known.getFile(name))],
);
const codec = (typeName: string) => esCodec(registry.getMessage(typeName) as DescMessage);

const post = (path: string, body: string | undefined): Route => {
  const segments = path.split("/").slice(1);
  const at = segments.indexOf("{folder}");
  return {
    method: "POST",
    template: path,
    segments: segments.map((one) => (one === "{folder}" ? "*" : one)),
    variables: at < 0 ? [] : [{ field: "folder", from: at, to: at + 1 }],
    ...(body === undefined ? {} : { body }),
  };
};

const method = (name: string, kind: MethodKind, request: string, reply: string, route: Route): MethodSpec => ({
  name,
  path: `/test.files.v1.Files/${name}`,
  kind,
  request: codec(request),
  reply: codec(reply),
  policy: { auth: { access: "PUBLIC", providers: [], scopes: [], audiences: [] } },
  routes: [route],
});

const [body, put, one, holder, done] = [
  "google.api.HttpBody",
  "test.files.v1.Put",
  "test.files.v1.Item",
  "test.files.v1.Holder",
  "test.files.v1.Done",
];

/** Takes raw bodies and streams in every form. Built from descriptors, as no generated code has google.api.HttpBody. */
export const Files: ServiceSpec = {
  name: "test.files.v1.Files",
  descriptors: Buffer.from(
    toBinary(FileDescriptorSetSchema, { $typeName: "google.protobuf.FileDescriptorSet", file: files }),
  ).toString("base64"),
  methods: {
    put: method("Put", "unary", put, put, post("/v1/{folder}/files", "file")),
    store: method("Store", "unary", body, done, post("/v1/raw", "*")),
    find: method("Find", "unary", one, one, post("/v1/{folder}/find", undefined)),
    make: method("Make", "unary", one, one, post("/v1/{folder}/make", "*")),
    upload: method("Upload", "clientStream", put, done, post("/v1/{folder}/upload", "file")),
    pour: method("Pour", "clientStream", body, done, post("/v1/pour", "*")),
    count: method("Count", "clientStream", one, done, post("/v1/{folder}/items", "*")),
    hold: method("Hold", "clientStream", holder, done, post("/v1/{folder}/held", "item")),
    touch: method("Touch", "clientStream", one, done, post("/v1/{folder}/touch", undefined)),
    echo: method("Echo", "bidi", one, one, post("/v1/echo", "*")),
  },
};

/** A message as the tests see it. */
// biome-ignore lint/suspicious/noExplicitAny: messages of descriptors have no types.
export type Any = any;
export type FilesMethods = { readonly [name: string]: (request: Any, context: Any) => unknown };

/** Notes what it is sent; unary methods send it back. */
const keep: FilesMethods = {
  put: async (request) => request,
  find: async (request) => request,
  make: async (request) => request,
  store: async ({ contentType, data }) => ({ count: data.length, seen: [contentType] }),
  upload: (requests) =>
    noted(requests, ({ folder, name, file }) => `${folder}|${name}|${file?.contentType}|${file?.data.length}`),
  pour: (requests) => noted(requests, ({ contentType, data }) => `${contentType}|${data.length}`),
  count: (requests) => noted(requests, ({ folder, name, count }) => `${folder}|${name}|${count}`),
  hold: (requests) => noted(requests, ({ folder, item: held }) => `${folder}|${held?.name}`),
  touch: (requests) => noted(requests, ({ folder, name }) => `${folder}|${name}`),
  async *echo(requests) {
    yield* requests;
  },
};

async function noted(requests: AsyncIterable<Any>, note: (request: Any) => string) {
  const seen: string[] = [];
  for await (const request of requests) seen.push(note(request));
  return { count: seen.length, seen };
}

const replyOf = (key: string) => registry.getMessage(Files.methods[key]?.reply.typeName ?? "") as DescMessage;

/** The service with the methods and the policy that a test changes. */
export function filesWith(changes: FilesMethods = {}, policy: { readonly [method: string]: MethodPolicy } = {}) {
  const methods = Object.entries(Files.methods).map(([key, spec]) => [
    key,
    { ...spec, policy: { ...spec.policy, ...policy[key] } },
  ]);
  const spec = { ...Files, methods: Object.fromEntries(methods) } as ServiceSpec<object>;
  // Messages of descriptors are made, not written down.
  const made = Object.entries({ ...keep, ...changes }).map(([key, run]) => [
    key,
    (request: Any, context: Any) => {
      const reply = run(request, context);
      return reply instanceof Promise
        ? reply.then((value) => ("$typeName" in value ? value : create(replyOf(key), value)))
        : reply;
    },
  ]);
  return { spec, service: implement(spec, Object.fromEntries(made)) };
}

/** The service behind a gateway, in this process. */
export async function overFiles(
  changes: FilesMethods = {},
  options: GatewayOptions = {},
  policy: { readonly [method: string]: MethodPolicy } = {},
) {
  const { spec, service } = filesWith(changes, policy);
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const gateway = createGateway([{ spec, target: inProcess(service, { onError, clock: options.clock }) }], {
    onError,
    ...options,
  });
  const { url, port, server } = await listen(gateway);
  const send = (path: string, data: RequestInit["body"], headers: Record<string, string> = {}) =>
    fetch(url + path, { method: "POST", body: data, headers, duplex: "half" } as RequestInit);
  return { url, port, server, gateway, errors, send };
}
