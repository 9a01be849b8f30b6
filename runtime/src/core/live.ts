import type { Handler } from "./layer.ts";
import type { PolicySource } from "./policy-source.ts";
import type { MethodSpec } from "./spec.ts";

/** A method with the handler for its policy, both as they are now. */
export interface LiveMethod {
  readonly method: MethodSpec;
  readonly handler: Handler;
}

/**
 * Builds a method's handler, and builds it anew when the source has another policy for the method. Calls under way keep
 * the handler that they started with; a handler that cannot be built leaves the one before in place.
 */
export function live(
  method: MethodSpec,
  source: PolicySource | undefined,
  build: (method: MethodSpec) => Handler,
): LiveMethod {
  if (!source) return { method, handler: build(method) };
  let version = source.version;
  let current = source.methodOf(method);
  let inner = build(current);
  const follow = () => {
    version = source.version;
    const next = source.methodOf(method);
    if (next === current) return;
    try {
      inner = build(next);
      current = next;
    } catch (error) {
      source.failed(method, error);
    }
  };
  return {
    get method() {
      if (source.version !== version) follow();
      return current;
    },
    handler(call) {
      if (source.version !== version) follow();
      return inner(call.method === current ? call : { ...call, method: current });
    },
  };
}
