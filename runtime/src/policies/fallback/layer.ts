import type { Call } from "../../core/call.ts";
import { decided } from "../../core/decision.ts";
import { RpcError } from "../../core/error.ts";
import type { Layer } from "../../core/layer.ts";
import { Metadata } from "../../core/metadata.ts";
import type { Site } from "../../core/policy.ts";
import { holdTrailers, tellTrailers } from "../../messages/replies-trailers.ts";
import { callersOwn, type FallbackConfig } from "./config.ts";
import { readValue } from "./values.ts";

/** The trailer that tells a caller that its reply stands in for a failure: `static`, `stale` or `method`. */
const trailer = "x-mesh-fallback";

/**
 * Client: answers something else instead of a failure, and says so. What is below, the circuit breaker too, sees the failure.
 *
 * When there is nothing to answer, or the other method fails as well, the caller gets the failure itself.
 */
export function standIn(config: FallbackConfig, site: Site): Layer | undefined {
  const { method } = site;
  if (method.kind !== "unary") return undefined;
  const codes = new Set(config.on.filter((code) => !callersOwn.has(code)));
  const value = readValue(config, site);
  const { path } = method;

  /** Whether something may stand in for the error. A refusal of auth or of the limits is about the call itself. */
  const replaces = (error: unknown, call: Call): error is RpcError =>
    error instanceof RpcError &&
    codes.has(error.code) &&
    error.refusedBy !== "auth" &&
    error.refusedBy !== "limits" &&
    !call.cancellation?.reason;

  const find = async (
    call: Call,
    error: unknown,
    prepared: ReturnType<NonNullable<typeof value.prepare>>,
    onTrailers?: (trailers: Metadata) => void,
  ): Promise<unknown> => {
    if (!replaces(error, call)) throw error;
    let reply: unknown;
    try {
      reply = await value.find(call, onTrailers, prepared);
    } catch (failure) {
      const code = failure instanceof RpcError ? failure.code : "INTERNAL";
      decided("fallback", "failed", path, { kind: value.kind, code });
      // Cancelled in between: nobody waits for the reason why nothing stood in.
      throw call.cancellation?.reason ?? error;
    }
    if (reply === undefined) throw error;
    decided("fallback", value.kind, path, { code: error.code });
    return reply;
  };

  return (next) => (call) => {
    // Two methods that stand in for each other would go round for ever.
    if (call.substitute && value.kind === "method") return next(call);
    const prepared = value.prepare?.(call);
    if (!call.onTrailers) return next(call).catch((error: unknown) => find(call, error, prepared));
    const held = holdTrailers(call);
    return next(held.call).then(
      (reply) => {
        const failed = held.release();
        if (failed) throw failed;
        return reply;
      },
      (error: unknown) => answerHeld(call, held, (onTrailers) => find(call, error, prepared, onTrailers)),
    );
  };

  /** The trailers of the reply that is given, which are the failed call's unless another method brought its own. */
  async function answerHeld(
    call: Call,
    held: ReturnType<typeof holdTrailers>,
    answer: (onTrailers: (trailers: Metadata) => void) => Promise<unknown>,
  ): Promise<unknown> {
    let brought: Metadata | undefined;
    let reply: unknown;
    try {
      reply = await answer((trailers) => {
        brought = trailers;
      });
    } catch (error) {
      throw held.release() ?? error;
    }
    const failed =
      value.kind === "method"
        ? tellTrailers(call, (brought?.clone() ?? new Metadata()).append(trailer, value.kind))
        : held.release([trailer, value.kind]);
    if (failed) throw failed;
    return reply;
  }
}
