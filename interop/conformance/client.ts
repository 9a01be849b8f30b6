// The client under test: reads calls from stdin, makes them, and says on stdout how each went.
import { setTimeout as sleep } from "node:timers/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import {
  type CallOptions,
  connect,
  createClient,
  Metadata,
  RpcError,
  type ServiceSpec,
  type Target,
} from "@protomesh/runtime";
import { readFrames, writeFrame } from "./frames.ts";
import {
  type ClientCompatRequest,
  ClientCompatRequestSchema,
  type ClientCompatResponse,
  ClientCompatResponseSchema,
  type ClientResponseResult,
  ClientResponseResultSchema,
} from "./gen/connectrpc/conformance/v1/client_compat_pb.ts";
import { Code as CodeNumber, Compression, StreamType } from "./gen/connectrpc/conformance/v1/config_pb.ts";
import { ConformanceService } from "./gen/connectrpc/conformance/v1/service_mesh.ts";
import {
  type ConformancePayload,
  ConformancePayloadSchema,
  type Error as ErrorMessage,
  ErrorSchema,
} from "./gen/connectrpc/conformance/v1/service_pb.ts";
import { addHeaders, headersOf } from "./headers.ts";

interface Reply {
  readonly payload?: ConformancePayload | undefined;
}
/** Any method of the service, by its kind. */
type Call = (request: unknown, options: CallOptions) => Promise<Reply> | AsyncIterable<Reply>;

/** The service, with requests compressed as the case wants it. */
function specFor(compression: Compression): ServiceSpec<ConformanceService> {
  const request = { [Compression.GZIP]: "GZIP", [Compression.DEFLATE]: "DEFLATE" }[compression as number];
  if (!request) return ConformanceService;
  const policy = { compression: { request, minBytes: 0 } };
  const methods = Object.entries(ConformanceService.methods).map(([key, method]) => [key, { ...method, policy }]);
  return { ...ConformanceService, methods: Object.fromEntries(methods) };
}

function targetFor({ host, port, serverTlsCert, clientTlsCreds, messageReceiveLimit }: ClientCompatRequest): Target {
  return connect(`${host}:${port}`, {
    ...(serverTlsCert.length > 0 && {
      tls: {
        ca: serverTlsCert,
        ...(clientTlsCreds && { cert: clientTlsCreds.cert, key: clientTlsCreds.key }),
      },
    }),
    ...(messageReceiveLimit > 0 && { maxReceiveBytes: messageReceiveLimit }),
  });
}

const payloadOf = ({ payload }: Reply): ConformancePayload => payload ?? create(ConformancePayloadSchema);

function errorOf(error: unknown): ErrorMessage {
  if (!(error instanceof RpcError)) throw error;
  const { code, text, details } = error;
  return create(ErrorSchema, {
    code: code === "CANCELLED" ? CodeNumber.CANCELED : CodeNumber[code as keyof typeof CodeNumber],
    message: text,
    details: details.map(({ type, value }) => create(AnySchema, { typeUrl: `type.googleapis.com/${type}`, value })),
  });
}

/** Makes one call and notes all that comes of it. */
async function perform(asked: ClientCompatRequest, target: Target): Promise<ClientResponseResult> {
  const spec = specFor(asked.compression);
  const entry = Object.entries(spec.methods).find(([, { name }]) => name === asked.method);
  if (!entry) throw new Error(`the service has no method ${asked.method}`);
  const [key, method] = entry;
  const call = (createClient(spec, target) as unknown as { readonly [key: string]: Call })[key] as Call;
  const requests = asked.requestMessages.map(({ value }) => method.request.decode(value));

  const result = create(ClientResponseResultSchema);
  const abort = new AbortController();
  const { cancelTiming } = asked.cancel ?? {};
  const cancelAfterSend =
    asked.cancel &&
    (cancelTiming === undefined || cancelTiming.case === undefined || cancelTiming.case === "afterCloseSendMs");
  const cancelAfterMs = cancelTiming?.case === "afterCloseSendMs" ? cancelTiming.value : 0;
  const closed = () => {
    if (cancelAfterSend) setTimeout(() => abort.abort(), cancelAfterMs);
  };
  const options: CallOptions = {
    metadata: addHeaders(new Metadata(), asked.requestHeaders),
    signal: abort.signal,
    ...(asked.timeoutMs !== undefined && { timeoutMs: asked.timeoutMs }),
    onHeaders: (headers) => {
      result.responseHeaders = headersOf(headers);
    },
    onTrailers: (trailers) => {
      result.responseTrailers = headersOf(trailers);
    },
  };

  // Full duplex: one message, one reply, and so on.
  const pingPong = asked.streamType === StreamType.FULL_DUPLEX_BIDI_STREAM;
  let read: (() => void) | undefined;
  let sent = 0;
  async function* stream() {
    for (const request of requests) {
      await sleep(asked.requestDelayMs);
      const answered = new Promise<void>((resolve) => {
        read = resolve;
      });
      sent += 1;
      yield request;
      if (pingPong) await answered;
    }
    if (cancelTiming?.case === "beforeCloseSend") {
      abort.abort();
      await new Promise(() => {});
    }
    closed();
  }

  const streams = method.kind === "clientStream" || method.kind === "bidi";
  if (!streams) {
    await sleep(asked.requestDelayMs);
    sent = 1;
  }
  try {
    const reply = call(streams ? stream() : requests[0], options);
    if (!streams) closed();
    if (reply instanceof Promise) {
      result.payloads.push(payloadOf(await reply));
    } else {
      for await (const message of reply) {
        result.payloads.push(payloadOf(message));
        read?.();
        if (cancelTiming?.case === "afterNumResponses" && result.payloads.length >= cancelTiming.value) abort.abort();
      }
    }
  } catch (error) {
    result.error = errorOf(error);
  }
  result.numUnsentRequests = requests.length - sent;
  return result;
}

async function answer(asked: ClientCompatRequest): Promise<ClientCompatResponse> {
  const target = targetFor(asked);
  try {
    const response = await perform(asked, target);
    return create(ClientCompatResponseSchema, {
      testName: asked.testName,
      result: { case: "response", value: response },
    });
  } catch (error) {
    const message = error instanceof Error ? String(error.stack) : String(error);
    return create(ClientCompatResponseSchema, {
      testName: asked.testName,
      result: { case: "error", value: { message } },
    });
  } finally {
    await target.close();
  }
}

/** Many cases measure time: those that run at once must not wait for each other. */
const atOnce = 8;
const running = new Set<Promise<void>>();
for await (const frame of readFrames(process.stdin)) {
  const asked = fromBinary(ClientCompatRequestSchema, frame);
  const done: Promise<void> = answer(asked).then((response) => {
    writeFrame(process.stdout, toBinary(ClientCompatResponseSchema, response));
    running.delete(done);
  });
  running.add(done);
  if (running.size >= atOnce) await Promise.race(running);
}
await Promise.all(running);
