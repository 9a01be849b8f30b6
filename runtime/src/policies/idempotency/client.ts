import { randomUUID } from "node:crypto";
import type { Layer } from "../../core/layer.ts";
import type { Site } from "../../core/policy.ts";
import type { IdempotencyConfig } from "./config.ts";
import { keyReader, keyWriter } from "./place.ts";

/**
 * Gives each call a key of its own, unless the caller chose one. It stands outside retry and hedge, so all attempts
 * carry the same.
 *
 * Not from the site's random numbers: a key must be unlike those of all other processes.
 */
export function fillKey({ key }: IdempotencyConfig, { method }: Site): Layer | undefined {
  if (method.kind !== "unary") return undefined;
  const read = keyReader(key, method);
  const write = keyWriter(key, method);
  return (next) => (call) => next(read(call) ? call : write(call, randomUUID()));
}
