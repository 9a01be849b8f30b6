import type { CallOptions } from "../core/context.ts";
import { criticalityHeader } from "../core/criticality.ts";
import { Metadata } from "../core/metadata.ts";
import { fromBase64, toBase64 } from "./base64.ts";
import { RestError } from "./error.ts";
import { grpcTimeout, type Life } from "./life.ts";
import type { RestHeaders, RestOptions } from "./options.ts";

/** Request metadata that is a header of its own name for a gateway. Everything else gets a prefix. */
const plain = new Set(
  "authorization accept-language x-request-id traceparent tracestate baggage idempotency-key if-match if-none-match last-event-id".split(
    " ",
  ),
);
const trace = ["traceparent", "tracestate", "baggage", "x-request-id"];

/** The headers of a call: what the client always sends, the call's metadata, its time. Later ones replace earlier ones. */
export async function requestHeaders(
  { headers }: RestOptions,
  options: CallOptions,
  life: Life,
): Promise<{ [name: string]: string }> {
  const result: { [name: string]: string } = {};
  const given = typeof headers === "function" ? await life.bounds(made(headers, life.path)) : headers;
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value !== undefined) result[name.toLowerCase()] = value;
  }
  const metadata = Metadata.from(options.metadata).clone();
  for (const key of trace) {
    const value = options.requestMetadata?.get(key);
    if (value !== undefined && !metadata.has(key)) metadata.set(key, value);
  }
  if (options.criticality !== undefined) metadata.set(criticalityHeader, options.criticality);
  const fresh = new Set<string>();
  for (const [key, value] of metadata) {
    const name = plain.has(key) ? key : `grpc-metadata-${key}`;
    const text = typeof value === "string" ? value : toBase64(value);
    result[name] = fresh.has(name) ? `${result[name]}, ${text}` : text;
    fresh.add(name);
  }
  const timeout = grpcTimeout(life.timeoutMs);
  if (timeout !== undefined) result["grpc-timeout"] = timeout;
  return result;
}

async function made(headers: () => RestHeaders | Promise<RestHeaders>, path: string): Promise<RestHeaders> {
  try {
    return await headers();
  } catch (cause) {
    if (cause instanceof RestError) throw cause;
    throw new RestError("UNAUTHENTICATED", `${path} was not sent: the client's headers function failed`, { cause });
  }
}

/** Tells a caller the response headers. A callback that throws fails the call. */
export function tellHeaders({ onHeaders }: CallOptions, path: string, headers: Metadata): void {
  try {
    onHeaders?.(headers);
  } catch (cause) {
    throw new RestError("CANCELLED", `a callback of the call of ${path} threw`, { cause });
  }
}

const responsePrefix = "grpc-metadata-";

/** The metadata among response headers. Of other origins, browsers show only what CORS exposes. */
export function responseMetadata(headers: Iterable<readonly [string, string]>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of headers) {
    const key = name.startsWith(responsePrefix) ? name.slice(responsePrefix.length) : name;
    try {
      if (!key.endsWith("-bin")) metadata.append(key, value);
      else for (const one of value.split(/, */)) metadata.append(key, fromBase64(one) ?? new Uint8Array(0));
    } catch {
      // A header that is no metadata, such as content-type.
    }
  }
  return metadata;
}
