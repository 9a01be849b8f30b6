import type { RpcError } from "../../core/error.ts";
import { Metadata } from "../../core/metadata.ts";
import { refusal } from "../../core/refusal.ts";
import type { ConcurrencyConfig } from "./config.ts";

/** What callers are told, made once per method: under overload a refusal must cost next to nothing. */
export interface Refusals {
  /** No place, and none to wait at. Another instance may have one, so callers may try again. */
  readonly full: RpcError;
  /** Had to make room in the queue. */
  readonly evicted: RpcError;
  /** The whole process is late: calling again would make it later. */
  readonly shed: RpcError;
  /** The time of a call was over before its turn came. */
  readonly late: RpcError;
}

/** The refusals of one method. */
export function refusalsOf(path: string, { max, adaptive, queue }: ConcurrencyConfig): Refusals {
  const refusedBy = "concurrency";
  const why = adaptive === "GRADIENT" ? "more calls would only make it slower" : `${max} at once is its limit`;
  const wait = queue > 0 ? ", and so is its queue" : "";
  return {
    full: refusal("UNAVAILABLE", `${path} is full${wait}: ${why}; call another instance, or again later`, {
      refusedBy,
    }),
    evicted: refusal("UNAVAILABLE", `${path} left its queue to a call that matters more: call again later`, {
      refusedBy,
    }),
    shed: refusal("UNAVAILABLE", `the process that serves ${path} is overloaded and refuses what matters less`, {
      refusedBy,
      metadata: new Metadata().set("grpc-retry-pushback-ms", "-1"),
    }),
    late: refusal("DEADLINE_EXCEEDED", `the deadline of ${path} passed before it was its turn to run`, { refusedBy }),
  };
}
