import { Metadata as GrpcMetadata } from "@grpc/grpc-js";
import { codeName, type ErrorDetail, type ErrorOrigin, RpcError } from "../core/error.ts";
import { Metadata, type MetadataValue } from "../core/metadata.ts";
import { decodeStatus, encodeStatus } from "../messages/status.ts";

/** A status as grpc-js hands it over. */
export interface GrpcStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: GrpcMetadata;
}

const statusDetails = "grpc-status-details-bin";

/** What the transport says for itself, and what HTTP/2 forbids: neither shown to users nor taken from them. */
const ours = new Set([
  "connection",
  "content-length",
  "content-type",
  "date",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-message",
  "grpc-status",
  statusDetails,
  "grpc-timeout",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** Received metadata, converted when somebody looks at it. */
export const received = (wire: GrpcMetadata): Metadata =>
  Metadata.lazy({ all: (key) => (ours.has(key) ? undefined : wire.get(key)), entries: () => entries(wire) });

function entries(wire: GrpcMetadata): (readonly [string, MetadataValue])[] {
  const result: (readonly [string, MetadataValue])[] = [];
  for (const [key, values] of Object.entries(wire.toJSON())) {
    if (!ours.has(key)) for (const value of values) result.push([key, value]);
  }
  return result;
}

/**
 * node:http2 sends no more than 64 KiB of headers; of a call with more, the other side never hears again.
 * What is left of that is for the path and the transport's own headers.
 */
const mostBytes = 56 * 1024;

/** Throws a TypeError when the metadata is more than HTTP/2 carries. */
function checkSize<T extends GrpcMetadata>(wire: T): T {
  let bytes = 0;
  for (const [key, values] of Object.entries(wire.toJSON())) for (const value of values) bytes += sizeOf(key, value);
  if (bytes > mostBytes) throw new TypeError(`metadata of ${bytes} bytes, but HTTP/2 carries at most ${mostBytes}`);
  return wire;
}

/** An entry's size as HTTP/2 counts it; bytes travel as base64. */
const sizeOf = (key: string, value: string | Buffer): number =>
  32 + key.length + (typeof value === "string" ? value.length : Math.ceil(value.length / 3) * 4);

/** Metadata as gRPC wants it sent: bytes in base64 without padding, which grpc-js would add. Source: gRPC over HTTP/2, "Binary-Header". */
export class WireMetadata extends GrpcMetadata {
  /** Which address the call prefers: a hash that the channel sees and the peer does not. */
  preference: number | undefined;

  override clone(): WireMetadata {
    const copy = new WireMetadata(this.getOptions());
    copy.preference = this.preference;
    copy.merge(this);
    return copy;
  }

  override toHttp2Headers(): ReturnType<GrpcMetadata["toHttp2Headers"]> {
    const headers = super.toHttp2Headers();
    for (const key in headers) {
      if (!key.endsWith("-bin")) continue;
      const value = headers[key];
      headers[key] = Array.isArray(value) ? value.map(unpadded) : unpadded(String(value));
    }
    return headers;
  }
}

const unpadded = (base64: string): string => base64.replace(/=+$/, "");

/** Request metadata for the wire. Throws a TypeError that names the key, never the value. */
export function sentByClient(metadata: Metadata): WireMetadata {
  const wire = new WireMetadata();
  for (const [key, value] of metadata) if (!ours.has(key)) add(wire, key, value);
  return checkSize(wire);
}

/**
 * Adds headers or trailers of a response. Several texts under one key become one text with commas, which gRPC says is
 * the same: node:http2 throws for some keys otherwise, and it would do so out of anybody's reach.
 * Throws a TypeError that names the key, never the value.
 */
export function addResponse(wire: GrpcMetadata, metadata: Metadata): GrpcMetadata {
  for (const key of metadata.toJSON()) {
    if (ours.has(key)) continue;
    const values = metadata.all(key);
    if (key.endsWith("-bin")) for (const value of values) add(wire, key, value);
    else add(wire, key, [...wire.get(key), ...values].join(", "), "replace");
  }
  return checkSize(wire);
}

function add(wire: GrpcMetadata, key: string, value: MetadataValue, how?: "replace"): void {
  const bytesOrText = typeof value === "string" ? value : asBuffer(value);
  try {
    if (how === "replace") wire.set(key, bytesOrText);
    else wire.add(key, bytesOrText);
  } catch {
    // The error of grpc-js repeats the value, which may be a secret.
    throw new TypeError(`metadata key ${JSON.stringify(key)} has a value that HTTP/2 cannot carry`);
  }
}

/** The same bytes as a Buffer, not a copy of them. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Who said that a call failed, when, and in which words when not in the status's own. */
interface ErrorSource {
  readonly origin: ErrorOrigin;
  /** The response headers had arrived. */
  readonly committed?: true | undefined;
  readonly text?: string;
}

/** The error that a failed call ends with. */
export function errorOf(status: GrpcStatus, { origin, committed, text = status.details }: ErrorSource): RpcError {
  const packed = status.metadata.get(statusDetails)[0];
  const details = typeof packed === "object" ? decodeStatus(packed)?.details : undefined;
  return new RpcError(codeName(status.code), text, {
    metadata: received(status.metadata),
    origin,
    committed,
    ...(details && { details }),
  });
}

/** Longer texts are cut: they travel in a header, where a character may take nine bytes. */
const longestText = 2_000;

/** An error's text as it travels. */
export function sentText(text: string): string {
  // Half a surrogate pair has no UTF-8, and grpc-js would throw out of anybody's reach.
  const cut = text.length > longestText ? `${text.slice(0, longestText)}…` : text;
  return cut.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** Details share the headers with the text and the trailers. */
const mostDetailBytes = 16 * 1024;

/**
 * The trailers of a failed call: what the implementation set, what the error brings, and the error's details, the last
 * of which stay behind when there are too many for a header.
 */
export function trailersOf(error: RpcError, trailers: Metadata | undefined): GrpcMetadata | null {
  if (!trailers && !error.metadata && error.details.length === 0) return null;
  const wire = new WireMetadata();
  if (trailers) addResponse(wire, trailers);
  if (error.metadata) addResponse(wire, error.metadata);
  const details = fitting(error.details);
  if (details.length > 0)
    wire.set(statusDetails, asBuffer(encodeStatus({ code: error.code, text: sentText(error.text), details })));
  return checkSize(wire);
}

function fitting(details: readonly ErrorDetail[]): readonly ErrorDetail[] {
  let bytes = 0;
  const tooMany = details.findIndex(({ type, value }) => {
    bytes += type.length + value.length;
    return bytes > mostDetailBytes;
  });
  return tooMany < 0 ? details : details.slice(0, tooMany);
}
