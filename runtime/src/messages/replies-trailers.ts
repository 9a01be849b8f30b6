import type { Call } from "../core/call.ts";
import { RpcError } from "../core/error.ts";
import { Metadata } from "../core/metadata.ts";

/** Hands a caller its trailers. Returns what the call fails with when the caller's callback throws. */
export function tellTrailers(call: Call, trailers: Metadata): RpcError | undefined {
  try {
    call.onTrailers?.(trailers);
    return undefined;
  } catch (cause) {
    return new RpcError("CANCELLED", `a callback of the call of ${call.method.path} threw`, { cause });
  }
}

/** The trailers of one call, held back until it is known what it is answered with: its caller hears of them once. */
export interface HeldTrailers {
  /** The call to pass on. */
  readonly call: Call;
  /** Hands out what came, with marks if there are any. Returns what the call fails with when the caller's callback throws. */
  release(...marks: readonly (readonly [name: string, value: string])[]): RpcError | undefined;
}

/** Holds back the trailers of a call whose caller wants them. */
export function holdTrailers(call: Call): HeldTrailers {
  let came: Metadata | undefined;
  const onTrailers = (trailers: Metadata) => {
    came = trailers;
  };
  return {
    call: { ...call, onTrailers },
    release(...marks) {
      if (marks.length === 0) return came && tellTrailers(call, came);
      const trailers = came?.clone() ?? new Metadata();
      for (const [name, value] of marks) trailers.append(name, value);
      return tellTrailers(call, trailers);
    },
  };
}
