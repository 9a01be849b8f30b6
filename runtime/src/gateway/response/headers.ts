import type { IncomingHttpHeaders } from "node:http";
import type { Metadata } from "../../core/metadata.ts";

/** Response metadata that keeps its name; everything else gets a prefix, so that it cannot pose as HTTP. */
const plainResponse = ["set-cookie", "location", "cache-control", "etag", "content-disposition"] as const;

/** Response headers by name; several values are several headers. */
export type ResponseHeaders = { [name: string]: string | string[] };

/** Prints metadata as HTTP headers or trailers. */
export type HeaderWriter = (metadata: Metadata | undefined) => ResponseHeaders;

/** The metadata key by which an implementation chooses the HTTP status of its reply. */
export const statusKey = "x-http-code";

/** Compiles how response metadata becomes headers: `Grpc-Metadata-x`, but the usual HTTP names and `more` as they are. */
export function headerWriter(more: readonly string[] = []): HeaderWriter {
  const plain = new Set<string>([...plainResponse, ...more.map((name) => name.toLowerCase())]);
  return (metadata) => print(metadata, (key) => (plain.has(key) ? key : `grpc-metadata-${key}`));
}

/** Trailers by which the client of a backend says that a reply is no answer of it to this call. */
const marks = ["x-mesh-cache", "x-mesh-fallback"] as const;

/**
 * Puts into the headers what stands in for a failed backend, and what is out of a cache. The default of a fallback is
 * good for this answer only, so nobody should keep it.
 */
export function mark(headers: ResponseHeaders, trailers: Metadata): void {
  for (const name of marks) if (trailers.has(name)) headers[name] = trailers.all(name).join(", ");
  // Where it was kept when it came here. Source: RFC 9111, 5.1.
  const age = trailers.get("x-mesh-age");
  if (age !== undefined) headers.age ??= age;
  if (headers["x-mesh-fallback"] !== undefined) headers["cache-control"] ??= "no-store";
}

/** Prints trailers. */
export const printTrailers: HeaderWriter = (metadata) => print(metadata, (key) => `grpc-trailer-${key}`);

function print(metadata: Metadata | undefined, name: (key: string) => string): ResponseHeaders {
  const headers: ResponseHeaders = {};
  for (const [key, value] of metadata ?? []) {
    if (key === statusKey) continue;
    const text = typeof value === "string" ? value : Buffer.from(value).toString("base64");
    const before = headers[name(key)];
    headers[name(key)] = before === undefined ? text : [before, text].flat();
  }
  return headers;
}

/** The status that an implementation chose, or undefined when it chose none that HTTP has. */
export function chosenStatus(metadata: Metadata | undefined): number | undefined {
  const text = metadata?.get(statusKey);
  return text !== undefined && /^[2-5]\d\d$/.test(text) ? Number(text) : undefined;
}

/** True when the client can read trailers. Source: RFC 9110, 10.1.4. */
export const wantsTrailers = (headers: IncomingHttpHeaders): boolean =>
  /(?:^|,)\s*trailers\s*(?:,|$)/i.test(String(headers.te ?? ""));
