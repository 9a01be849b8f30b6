import type { IncomingMessage } from "node:http";
import type { ConnectError, HandlerContext } from "@connectrpc/connect";
import { type Call, callOf } from "../core/call.ts";
import { Cancellation } from "../core/cancellation.ts";
import type { Clock } from "../core/clock.ts";
import { codeName, codeNumber, lateText, RpcError } from "../core/error.ts";
import type { Handler } from "../core/layer.ts";
import type { Report } from "../core/report.ts";
import type { MethodSpec } from "../core/spec.ts";
import type { Target } from "../core/target.ts";
import { originOf } from "../gateway/forwarded.ts";
import { peerOf } from "../gateway/peer.ts";
import { presentable } from "../gateway/presentable.ts";
import { hideError } from "../server.ts";
import type { ConnectLibrary } from "./library.ts";
import { readMetadata, writeMetadata } from "./metadata.ts";

/** A method as Connect calls it: its handler, and its messages as protobuf-es has them on this side. */
export interface ConnectMethod {
  readonly method: MethodSpec;
  readonly target: Target;
  readonly handler: Handler;
}

/** What all calls have in common. */
export interface CallSettings {
  readonly library: ConnectLibrary;
  readonly clock: Clock;
  readonly onError: Report;
}

interface Running {
  readonly cancellation: Cancellation;
  readonly streams: boolean;
}

/** The calls that come in by Connect and gRPC-Web, from the library's context to ours and back. */
export class ConnectCalls {
  readonly #settings: CallSettings;
  readonly #running = new Set<Running>();

  constructor(settings: CallSettings) {
    this.#settings = settings;
  }

  /** Ends calls under way with UNAVAILABLE: those that stream, or all. */
  end(which: "streams" | "all"): void {
    const reason = new RpcError("UNAVAILABLE", "the server is shutting down");
    for (const { cancellation, streams } of this.#running) if (which === "all" || streams) cancellation.cancel(reason);
  }

  /** Makes a call. Resolves with the reply or the stream of them; `over` runs when nothing more is needed of it. */
  start(to: ConnectMethod, request: unknown, context: HandlerContext, req: IncomingMessage) {
    const { method } = to;
    const cancellation = new Cancellation();
    const running = { cancellation, streams: method.kind !== "unary" };
    const aborted = () => cancellation.cancel(this.#reason(context.signal.reason, method));
    const over = () => {
      this.#running.delete(running);
      context.signal.removeEventListener("abort", aborted);
    };
    this.#running.add(running);
    context.signal.addEventListener("abort", aborted);
    if (context.signal.aborted) aborted();
    return { reply: to.handler(this.#call(to, request, context, req, cancellation)), cancellation, over };
  }

  /** A failure as the library sends it. What outsiders must not see is reported and hidden, as at the other doors. */
  failure(error: unknown, { method, target }: ConnectMethod): ConnectError {
    const { onError, library } = this.#settings;
    const shown = target.local ? hideError(error, method, onError) : presentable(error, method, onError);
    const failure = new library.connect.ConnectError(shown.text, codeNumber(shown.code));
    failure.details = shown.details.map(({ type, value }) => ({ type, value }));
    return failure;
  }

  /** The messages of a client. What the library finds wrong with them is the client's failure, not the implementation's. */
  async *requests(messages: AsyncIterable<unknown>, read: (message: never) => unknown): AsyncIterable<unknown> {
    try {
      for await (const message of messages) yield read(message as never);
    } catch (error) {
      const { ConnectError } = this.#settings.library.connect;
      throw error instanceof ConnectError
        ? new RpcError(codeName(error.code), error.rawMessage, { cause: error })
        : error;
    }
  }

  #call(
    { method, target }: ConnectMethod,
    request: unknown,
    context: HandlerContext,
    req: IncomingMessage,
    cancellation: Cancellation,
  ): Call {
    const origin = originOf(req);
    const metadata = readMetadata(context.requestHeader);
    if (!target.local) origin?.tell(metadata, req);
    return callOf({
      method,
      request,
      metadata,
      deadline: this.#settings.clock.now() + (context.timeoutMs() ?? Number.POSITIVE_INFINITY),
      attempt: 1,
      cancellation,
      retry: true,
      cache: true,
      onHeaders: (headers) => writeMetadata(context.responseHeader, headers),
      onTrailers: (trailers) => writeMetadata(context.responseTrailer, trailers),
      peer: target.local ? (origin?.peer ?? peerOf(req.socket)) : undefined,
    });
  }

  /** The library keeps the deadline too; at its end it aborts like a client that leaves. */
  #reason(reason: unknown, { path }: MethodSpec): RpcError {
    const { ConnectError, Code } = this.#settings.library.connect;
    return reason instanceof ConnectError && reason.code === Code.DeadlineExceeded
      ? new RpcError("DEADLINE_EXCEEDED", lateText(path))
      : new RpcError("CANCELLED", "the client went away");
  }
}
