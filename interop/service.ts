import {
  BadRequest,
  CallContext,
  type CallOptions,
  detail,
  ErrorInfo,
  Metadata,
  RetryInfo,
  RpcError,
} from "@protomesh/runtime";
import { Echo } from "./gen/interop/v1/interop.js";
import type { Interop } from "./gen/interop/v1/interop_mesh.js";

const contextOf = (options: CallOptions | undefined): CallContext => {
  if (options instanceof CallContext) return options;
  throw new Error("a server gives its implementations a CallContext");
};

/** Sends metadata of the request back in headers and trailers. */
function echoMetadata({ requestMetadata, responseHeaders, responseTrailers }: CallContext): void {
  for (const key of ["x-text", "x-bytes-bin"]) {
    for (const value of requestMetadata.all(key)) {
      responseHeaders.append(key, value);
      responseTrailers.append(key, value);
    }
  }
}

/** Our side of the service; what it does is said in the proto file. */
export function interopService(): Interop {
  const ends = new Map<string, { end: (code: string) => void; ended: Promise<string> }>();
  const endOf = (key: string) => {
    let entry = ends.get(key);
    if (!entry) {
      let end: (code: string) => void = () => {};
      const ended = new Promise<string>((resolve) => {
        end = resolve;
      });
      entry = { end, ended };
      ends.set(key, entry);
    }
    return entry;
  };
  const wait = (key: string, { cancellation }: CallContext): Promise<never> =>
    new Promise((_, reject) => {
      cancellation.onCancel((reason) => {
        endOf(key).end(reason.code);
        reject(reason);
      });
    });
  const unary: Interop["unary"] = async (request, options) => {
    const context = contextOf(options);
    echoMetadata(context);
    const left = context.deadline - performance.now();
    return { ...request, leftMs: Number.isFinite(left) ? left : 0 };
  };
  return {
    unary,
    packed: unary,
    small: unary,
    async *serverStream({ text, count }, options) {
      echoMetadata(contextOf(options));
      for (let n = 0; n < count; n++) yield Echo.create({ text, count: n });
    },
    async clientStream(messages) {
      const texts: string[] = [];
      for await (const { text } of messages) texts.push(text);
      return Echo.create({ text: texts.join(""), count: texts.length });
    },
    async *bidi(messages) {
      yield* messages;
    },
    async *fail({ count }, options) {
      for (let n = 0; n < count; n++) yield Echo.create({ count: n });
      contextOf(options).responseTrailers.set("t-text", "trailer");
      throw new RpcError("FAILED_PRECONDITION", "not yet: ☺ 100 %", {
        details: [
          detail(BadRequest, { fieldViolations: [{ field: "text", description: "wrong" }] }),
          detail(RetryInfo, { retryDelay: { seconds: 1n, nanos: 500_000_000 } }),
          detail(ErrorInfo, { reason: "NOT_YET", domain: "interop", metadata: { k: "v" } }),
        ],
      });
    },
    wait: ({ text }, options) => wait(text, contextOf(options)),
    async *waitStream(messages, options) {
      for await (const first of messages) {
        yield first;
        await wait(first.text, contextOf(options));
      }
    },
    async ended({ text }) {
      return Echo.create({ text: await endOf(text).ended });
    },
  };
}

/** A value that no text could carry. */
export const everyByte = Uint8Array.from({ length: 256 }, (_, n) => n);

/** Metadata for a call, and whether it came back. */
export const sentMetadata = () =>
  new Metadata().append("x-text", "one").append("x-text", "two").append("x-bytes-bin", everyByte);

/** What of it came back. */
export const came = (metadata: Metadata | undefined) => ({
  text: metadata?.all("x-text").join(", "),
  bytes: Buffer.from(metadata?.bytes("x-bytes-bin") ?? []).equals(everyByte),
});
