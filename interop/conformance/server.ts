// The server under test: reads how to listen from stdin, says where it listens on stdout, serves until it is told to stop.
import { setTimeout as sleep } from "node:timers/promises";
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import {
  CallContext,
  type CallOptions,
  type Code,
  implement,
  RpcError,
  type ServiceSpec,
  serve,
} from "@protomesh/runtime";
import { readFrames, writeFrame } from "./frames.ts";
import { Code as CodeNumber, Protocol } from "./gen/connectrpc/conformance/v1/config_pb.ts";
import {
  ServerCompatRequestSchema,
  ServerCompatResponseSchema,
} from "./gen/connectrpc/conformance/v1/server_compat_pb.ts";
import { ConformanceService } from "./gen/connectrpc/conformance/v1/service_mesh.ts";
import * as pb from "./gen/connectrpc/conformance/v1/service_pb.ts";
import { addHeaders, headersOf } from "./headers.ts";

type Definition = pb.UnaryResponseDefinition | pb.StreamResponseDefinition | undefined;

/** What was asked, as the runner wants it back. */
function requestInfo(context: CallContext, requests: readonly Any[]): pb.ConformancePayload_RequestInfo {
  const left = context.deadline - performance.now();
  return create(pb.ConformancePayload_RequestInfoSchema, {
    requestHeaders: headersOf(context.requestMetadata),
    requests: [...requests],
    ...(Number.isFinite(left) && { timeoutMs: BigInt(Math.round(left)) }),
  });
}

function setMetadata(context: CallContext, definition: Definition): void {
  addHeaders(context.responseHeaders, definition?.responseHeaders ?? []);
  addHeaders(context.responseTrailers, definition?.responseTrailers ?? []);
}

function failure(error: pb.Error, info?: pb.ConformancePayload_RequestInfo): RpcError {
  const details = info ? [...error.details, anyPack(pb.ConformancePayload_RequestInfoSchema, info)] : error.details;
  return new RpcError(codeOf(error.code), error.message ?? "", {
    details: details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value })),
  });
}

/** The runner spells one code in American English. */
const codeOf = (code: CodeNumber): Code =>
  code === CodeNumber.CANCELED ? "CANCELLED" : (CodeNumber[code] as Exclude<Code, "OK">);

async function single<Desc extends DescMessage>(
  schema: Desc,
  definition: pb.UnaryResponseDefinition | undefined,
  requests: readonly Any[],
  context: CallContext,
): Promise<MessageShape<Desc>> {
  setMetadata(context, definition);
  const info = requestInfo(context, requests);
  await sleep(definition?.responseDelayMs ?? 0);
  const { response } = definition ?? {};
  if (response?.case === "error") throw failure(response.value, info);
  const data = response?.case === "responseData" ? response.value : new Uint8Array();
  const payload = create(pb.ConformancePayloadSchema, { data, requestInfo: info });
  return create(schema as DescMessage, { payload } as never) as MessageShape<Desc>;
}

const payloadOf = (data: Uint8Array, requestInfo?: pb.ConformancePayload_RequestInfo) => ({
  payload: create(pb.ConformancePayloadSchema, { data, ...(requestInfo && { requestInfo }) }),
});

/** The runner's own tests of servers, and its client, set this for every call. */
const contextOf = (options: CallOptions | undefined): CallContext => {
  if (options instanceof CallContext) return options;
  throw new Error("a server gives its implementations a CallContext");
};

const service: Omit<ConformanceService, "unimplemented"> = {
  unary: (request, options) =>
    single(
      pb.UnaryResponseSchema,
      request.responseDefinition,
      [anyPack(pb.UnaryRequestSchema, request)],
      contextOf(options),
    ),

  idempotentUnary: (request, options) =>
    single(
      pb.IdempotentUnaryResponseSchema,
      request.responseDefinition,
      [anyPack(pb.IdempotentUnaryRequestSchema, request)],
      contextOf(options),
    ),

  async clientStream(messages, options) {
    const requests: Any[] = [];
    let definition: pb.UnaryResponseDefinition | undefined;
    for await (const message of messages) {
      if (requests.length === 0) definition = message.responseDefinition;
      requests.push(anyPack(pb.ClientStreamRequestSchema, message));
    }
    return single(pb.ClientStreamResponseSchema, definition, requests, contextOf(options));
  },

  async *serverStream(request, options) {
    const { responseDefinition: definition } = request;
    const context = contextOf(options);
    setMetadata(context, definition);
    let info: pb.ConformancePayload_RequestInfo | undefined = requestInfo(context, [
      anyPack(pb.ServerStreamRequestSchema, request),
    ]);
    for (const data of definition?.responseData ?? []) {
      await sleep(definition?.responseDelayMs ?? 0);
      yield create(pb.ServerStreamResponseSchema, payloadOf(data, info));
      info = undefined;
    }
    if (definition?.error) throw failure(definition.error, info);
  },

  async *bidiStream(messages, options) {
    const context = contextOf(options);
    let definition: pb.StreamResponseDefinition | undefined;
    let fullDuplex = false;
    let first = true;
    let sent = 0;
    let unanswered: Any[] = [];
    const next = async () => {
      await sleep(definition?.responseDelayMs ?? 0);
      const data = definition?.responseData[sent++] as Uint8Array;
      const info = fullDuplex || sent === 1 ? requestInfo(context, unanswered) : undefined;
      if (fullDuplex) unanswered = [];
      return create(pb.BidiStreamResponseSchema, payloadOf(data, info));
    };
    const more = () => sent < (definition?.responseData.length ?? 0);

    for await (const message of messages) {
      if (first) {
        first = false;
        definition = message.responseDefinition;
        fullDuplex = message.fullDuplex;
        setMetadata(context, definition);
      }
      unanswered.push(anyPack(pb.BidiStreamRequestSchema, message));
      if (!fullDuplex) continue;
      if (!more()) break;
      yield await next();
    }
    while (more()) yield await next();
    if (definition?.error) throw failure(definition.error, sent === 0 ? requestInfo(context, unanswered) : undefined);
  },
};

/** The service as everybody may call it, without the method that no server should have. */
function underTest(): ServiceSpec<typeof service> {
  const policy = { auth: { access: "PUBLIC", providers: [], scopes: [], audiences: [] } };
  const methods = Object.entries(ConformanceService.methods)
    .filter(([key]) => key !== "unimplemented")
    .map(([key, method]) => [key, { ...method, policy }]);
  return { ...ConformanceService, methods: Object.fromEntries(methods) } as ServiceSpec<typeof service>;
}

for await (const frame of readFrames(process.stdin)) {
  const asked = fromBinary(ServerCompatRequestSchema, frame);
  const { cert, key } = asked.serverCreds ?? {};
  const server = await serve({
    services: [implement(underTest(), service)],
    health: false,
    ...(asked.messageReceiveLimit > 0 && { maxRequestBytes: asked.messageReceiveLimit }),
    [asked.protocol === Protocol.GRPC ? "grpc" : "listen"]: {
      address: "127.0.0.1:0",
      ...(asked.protocol !== Protocol.GRPC && { connect: true }),
      ...(asked.useTls &&
        cert &&
        key && {
          tls: { cert, key, ...(asked.clientTlsCert.length > 0 && { ca: asked.clientTlsCert }) },
        }),
    },
    drain: { limitMs: 100 },
  });
  const { host = "", port = 0 } = server.grpc ?? {};
  const answer = create(ServerCompatResponseSchema, { host, port, ...(asked.useTls && cert && { pemCert: cert }) });
  writeFrame(process.stdout, toBinary(ServerCompatResponseSchema, answer));
}
