import { Metadata as GrpcMetadata } from "@grpc/grpc-js";
import { codeName, RpcError } from "../core/error.ts";
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
export const received = (wire: GrpcMetadata): Metadata => Metadata.lazy(() => entries(wire));

function entries(wire: GrpcMetadata): (readonly [string, MetadataValue])[] {
  const result: (readonly [string, MetadataValue])[] = [];
  for (const [key, values] of Object.entries(wire.toJSON())) {
    if (!ours.has(key)) for (const value of values) result.push([key, value]);
  }
  return result;
}

/** Request metadata for the wire. Throws a TypeError that names the key, never the value. */
export function sentByClient(metadata: Metadata): GrpcMetadata {
  const wire = new GrpcMetadata();
  for (const [key, value] of metadata) if (!ours.has(key)) add(wire, key, value);
  return wire;
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
  return wire;
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

/** The error that a failed call ends with. */
export function errorOf(status: GrpcStatus, text = status.details): RpcError {
  const packed = status.metadata.get(statusDetails)[0];
  const details = typeof packed === "object" ? decodeStatus(packed)?.details : undefined;
  return new RpcError(codeName(status.code), text, {
    metadata: received(status.metadata),
    ...(details && { details }),
  });
}

/** The trailers of a failed call: what the implementation set, what the error brings, and the error's details. */
export function trailersOf(error: RpcError, trailers: Metadata | undefined): GrpcMetadata | null {
  if (!trailers && !error.metadata && error.details.length === 0) return null;
  const wire = new GrpcMetadata();
  if (trailers) addResponse(wire, trailers);
  if (error.metadata) addResponse(wire, error.metadata);
  if (error.details.length > 0) wire.set(statusDetails, asBuffer(encodeStatus(error)));
  return wire;
}
