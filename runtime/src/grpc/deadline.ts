import { systemClock } from "../core/clock.ts";

/** grpc-js cannot time anything longer, and its servers take more for a time in the past. */
const longestTimeoutMs = 2 ** 31 - 1;

/** A deadline as the instant on grpc-js's clock, which is the wall's. */
export function wallDeadline(deadline: number): number {
  const left = deadline - systemClock.now();
  return left > longestTimeoutMs ? Number.POSITIVE_INFINITY : systemClock.wallNow() + left;
}

/** The deadline that grpc-js means, whose deadlines are instants of the wall clock. */
export function monotonic(deadline: Date | number): number {
  return deadline === Number.POSITIVE_INFINITY
    ? Number.POSITIVE_INFINITY
    : systemClock.now() + (Number(deadline) - systemClock.wallNow());
}
