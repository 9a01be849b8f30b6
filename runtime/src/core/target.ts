import type { Handler } from "./layer.ts";
import type { MethodSpec } from "./spec.ts";

/** Where calls go: a gRPC connection, or implementations in this process. */
export interface Target {
  /** For error messages, such as `dns:///users:8080` or `in-process`. */
  readonly name: string;
  /** True when calls stay in this process. */
  readonly local: boolean;
  /**
   * The innermost handler of a method: sends one attempt. It enforces the call's deadline (DEADLINE_EXCEEDED) and
   * obeys its cancellation, and it always settles.
   */
  handler(method: MethodSpec): Handler;
  /** Stops new calls and waits for those under way. */
  close(): Promise<void>;
}
