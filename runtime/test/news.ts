import { create, createFileRegistry, type DescMessage, fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { onTestFinished } from "vitest";
import type { ClientOptions } from "../src/client.ts";
import type { Codec, MethodSpec, Route, ServiceSpec } from "../src/core/spec.ts";
import type { Target } from "../src/core/target.ts";
import { createGateway, type GatewayOptions } from "../src/gateway/gateway.ts";
import { connect } from "../src/grpc/connect.ts";
import { listenGrpc } from "../src/grpc/server.ts";
import { inProcess } from "../src/in-process.ts";
import { esCodec } from "../src/messages/codec.ts";
import type { MethodPolicy } from "../src/policies/index.ts";
import { implement, serverHandlers } from "../src/server.ts";
import { listen } from "./over-http.ts";

const field = (name: string, number: number, type: string): JsonValue => ({
  name,
  jsonName: name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
  number,
  label: "LABEL_OPTIONAL",
  ...(type.startsWith(".") ? { type: "TYPE_MESSAGE", typeName: type } : { type }),
});

const files = [
  {
    name: "google/api/httpbody.proto",
    package: "google.api",
    syntax: "proto3",
    messageType: [
      { name: "HttpBody", field: [field("content_type", 1, "TYPE_STRING"), field("data", 2, "TYPE_BYTES")] },
    ],
  },
  {
    name: "news.proto",
    package: "test.news.v1",
    syntax: "proto3",
    dependency: ["google/api/httpbody.proto"],
    messageType: [
      {
        name: "Article",
        field: [
          field("name", 1, "TYPE_STRING"),
          field("text", 2, "TYPE_STRING"),
          field("etag", 3, "TYPE_STRING"),
          field("event_id", 4, "TYPE_INT64"),
          field("picture", 5, ".google.api.HttpBody"),
        ],
      },
    ],
  },
].map((json) => fromJson(FileDescriptorProtoSchema, json as JsonValue));

const [api, news] = files as [(typeof files)[0], (typeof files)[0]];
const known = createFileRegistry(api, () => undefined);
const registry = createFileRegistry(
  known,
  createFileRegistry(news, (name) => known.getFile(name)),
);
const schema = (name: string) => registry.getMessage(name) as DescMessage;
const article = "test.news.v1.Article";
const body = "google.api.HttpBody";

const get = (template: string, responseBody?: string): Route => {
  const [path = "", verb] = template.split(":");
  const segments = path.split("/").slice(1);
  const at = segments.indexOf("{name}");
  return {
    method: "GET",
    template,
    segments: segments.map((one) => (one === "{name}" ? "*" : one)),
    ...(verb === undefined ? {} : { verb }),
    variables: at < 0 ? [] : [{ field: "name", from: at, to: at + 1 }],
    ...(responseBody === undefined ? {} : { responseBody }),
  };
};

const method = (name: string, kind: "unary" | "serverStream", reply: string, ...routes: Route[]): MethodSpec => ({
  name,
  path: `/test.news.v1.News/${name}`,
  kind,
  idempotency: "NO_SIDE_EFFECTS",
  request: esCodec(schema(article)) as Codec,
  reply: esCodec(schema(reply)) as Codec,
  policy: { auth: { access: "PUBLIC", providers: [], scopes: [], audiences: [] } },
  routes,
});

/** Articles and pictures of them, one or many. Built from descriptors, as no generated code here has google.api.HttpBody. */
const News: ServiceSpec = {
  name: "test.news.v1.News",
  descriptors: Buffer.from(
    toBinary(FileDescriptorSetSchema, { $typeName: "google.protobuf.FileDescriptorSet", file: files }),
  ).toString("base64"),
  methods: {
    read: method(
      "Read",
      "unary",
      article,
      get("/v1/articles/{name}"),
      { ...get("/v1/articles/{name}"), method: "POST" },
      get("/v1/articles/{name}/picture", "picture"),
      get("/v1/articles/{name}/title", "name"),
    ),
    follow: method(
      "Follow",
      "serverStream",
      article,
      get("/v1/articles:follow"),
      get("/v1/pictures:follow", "picture"),
    ),
    download: method("Download", "unary", body, get("/v1/downloads/{name}")),
    stream: method("Stream", "serverStream", body, get("/v1/downloads:stream")),
  },
};

/** A message as the tests see it. */
// biome-ignore lint/suspicious/noExplicitAny: messages of descriptors have no types.
export type Any = any;
type Methods = { readonly [name: string]: (request: Any, context: Any) => unknown };

/** What a test may choose. */
export interface OverNews {
  /** Where the implementation is. Default: in this process. */
  readonly through?: "in-process" | "grpc";
  readonly gateway?: GatewayOptions;
  /** How the client in front of a remote implementation is built. */
  readonly client?: ClientOptions;
  /** Added to the policy of methods, on every side. */
  readonly policy?: { readonly [method: string]: MethodPolicy };
}

/** The service behind a gateway on a real server. What is not given answers with what it is asked. */
export async function overNews(methods: Methods = {}, { through, gateway: options, client, policy }: OverNews = {}) {
  const entries = Object.entries(News.methods).map(([key, spec]) => [
    key,
    { ...spec, policy: { ...spec.policy, ...policy?.[key] } },
  ]);
  const spec = { ...News, methods: Object.fromEntries(entries) } as ServiceSpec<object>;
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const replyOf = (key: string) => schema(News.methods[key]?.reply.typeName ?? "");
  async function* made(key: string, replies: AsyncIterable<Any>) {
    for await (const reply of replies) yield create(replyOf(key), reply);
  }
  const all: Methods = {
    read: async (request) => request,
    async *follow() {},
    download: async () => ({}),
    async *stream() {},
    ...methods,
  };
  const implemented = Object.entries(all).map(([key, run]) => [
    key,
    (request: Any, context: Any) => {
      const reply = run(request, context);
      return reply instanceof Promise
        ? reply.then((value) => create(replyOf(key), value))
        : made(key, reply as AsyncIterable<Any>);
    },
  ]);
  const implementation = implement(spec, Object.fromEntries(implemented));
  let target: Target = inProcess(implementation, { onError });
  let server: Awaited<ReturnType<typeof listenGrpc>> | undefined;
  if (through === "grpc") {
    server = await listenGrpc(serverHandlers([implementation], { onError }), { address: "127.0.0.1:0", onError });
    target = connect(`127.0.0.1:${server.port}`);
    const { drain } = server;
    onTestFinished(async () => {
      await target.close();
      await drain.call(server);
    });
  }
  const gateway = createGateway([{ spec, target, client }], { onError, ...options });
  const { url, port } = await listen(gateway);
  return {
    url,
    port,
    gateway,
    errors,
    grpc: server,
    get: (path: string, headers: Record<string, string> = {}, method = "GET") => fetch(url + path, { headers, method }),
  };
}
