import type { Code } from "../../core/error.ts";

/** What is answered instead of a failure: one of `json`, `stale` and `method`. */
export interface FallbackConfig {
  /** The failures that are replaced. */
  readonly on: readonly Code[];
  /** A reply in ProtoJSON. */
  readonly json?: string;
  /** The last good reply of the same request and caller, out of the client's cache. */
  readonly stale?: boolean;
  /** Another method of the service, by its name in the proto file. */
  readonly method?: string;
}

/** Failures that are the caller's own: another answer would hide them from the only one who can do something. */
export const callersOwn: ReadonlySet<Code> = new Set<Code>([
  "INVALID_ARGUMENT",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
]);
