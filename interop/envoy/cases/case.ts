import type { Point } from "../points.ts";

/** A script of requests, and what comes of it. Each has its own id: cases do not see each other's attempts. */
export interface Case {
  readonly name: string;
  readonly run: (point: Point, id: string) => Promise<unknown>;
  /** At both points. */
  readonly expected: unknown;
  /** What Envoy does otherwise, and why that is as good as it gets. */
  readonly envoy?: { readonly expected: unknown; readonly because: string };
}

/** A header with a token. */
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** A call and the attempts that the backend saw of it. */
export async function counted(point: Point, id: string, call: Promise<{ readonly code: string }>) {
  const { code } = await call;
  return { code, attempts: point.backend.attempts(id) };
}
