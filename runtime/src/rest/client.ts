import { systemClock } from "../core/clock.ts";
import type { CallOptions } from "../core/context.ts";
import type { MethodKind } from "../core/spec.ts";
import { RestError } from "./error.ts";
import { sendStream, sendUnary, streamReplies } from "./exchange.ts";
import { begin, type Connection, type RestMethod } from "./method.ts";
import type { RestOptions } from "./options.ts";
import { failedReply, Reply } from "./reply.ts";
import type { HeaderBinding, RestRoute } from "./request.ts";
import { socketReplies } from "./socket.ts";
import type { Tables } from "./tables.ts";
import { Types } from "./types.ts";

/** What generated code says about one method. */
export interface RestMethodSpec {
  /** Where gRPC finds it, for error messages. */
  readonly path: string;
  readonly kind: MethodKind;
  /** Full names of its messages. */
  readonly request: string;
  readonly reply: string;
  /** The longest that the policy lets a call take, in milliseconds. Default: for ever. */
  readonly timeoutMs?: number;
  readonly routes: readonly RestRoute[];
  /** Headers that fill request fields. Default: none. */
  readonly headers?: readonly HeaderBinding[];
}

/** What generated code says about one service. `S` is the interface of its clients. */
export type RestMethods<S> = { readonly [K in keyof S]: RestMethodSpec };

const known = ["baseUrl", "headers", "fetch", "credentials", "clientStreams", "WebSocket", "clock"];

/**
 * A client of a service over its HTTP routes: the same interface as everywhere, for browsers.
 *
 * Calls fail with `RestError`. Of their options, `timeoutMs`, `deadline`, `signal`, `metadata`, `criticality` and
 * `onHeaders` count. There are no retries and no cache: `fetch` has the browser's.
 */
export function createRestClient<S extends object>(
  methods: RestMethods<S>,
  tables: Tables,
  options: RestOptions = {},
): S {
  for (const key of Object.keys(options)) {
    if (!known.includes(key))
      throw new TypeError(`a REST client has no option ${JSON.stringify(key)}. Known options: ${known.join(", ")}`);
  }
  const types = new Types(tables);
  const connection: Connection = {
    options,
    clock: options.clock ?? systemClock,
    baseUrl: (options.baseUrl ?? "").replace(/\/$/, ""),
  };
  const client: { [key: string]: unknown } = {};
  for (const [key, method] of Object.entries<RestMethodSpec>(methods)) {
    client[key] = methodOf(compile(method, types), connection);
  }
  return client as S;
}

/** Types are looked up at the first call: a page uses few of an API's messages. */
function compile(spec: RestMethodSpec, types: Types): RestMethod {
  return {
    path: spec.path,
    longestMs: spec.timeoutMs ?? Number.POSITIVE_INFINITY,
    routes: spec.routes,
    headers: spec.headers ?? [],
    kind: spec.kind,
    get request() {
      return types.message(spec.request);
    },
    get reply() {
      return types.message(spec.reply);
    },
  };
}

function methodOf(method: RestMethod, connection: Connection): unknown {
  const { kind, path } = method;
  if (method.routes.length === 0) {
    const error = new RestError("UNIMPLEMENTED", `${path} has no google.api.http rule, so REST cannot call it`);
    return kind === "unary" || kind === "clientStream" ? () => Promise.reject(error) : () => failedReply(error);
  }
  type Requests = AsyncIterable<unknown>;
  const sockets = (requests: Requests, options: CallOptions = {}) =>
    new Reply(
      () => begin(method, connection, options),
      (life) => socketReplies(method, connection, requests, options, life),
    );
  if (kind === "bidi") return sockets;
  if (kind === "unary") {
    return (request: unknown, options: CallOptions = {}) => sendUnary(method, connection, request, options);
  }
  if (kind === "serverStream") {
    return (request: unknown, options: CallOptions = {}) =>
      new Reply(
        () => begin(method, connection, options),
        (life) => streamReplies(method, connection, request, options, life),
      );
  }
  if (connection.options.clientStreams !== "websocket") {
    return (requests: Requests, options: CallOptions = {}) => sendStream(method, connection, requests, options);
  }
  return async (requests: Requests, options: CallOptions = {}) => {
    for await (const reply of sockets(requests, options)) return reply;
    throw new RestError("INTERNAL", `${path} ended without a reply`);
  };
}
