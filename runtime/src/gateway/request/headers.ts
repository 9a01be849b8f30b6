import type { IncomingHttpHeaders } from "node:http";
import { Metadata, type MetadataValue } from "../../core/metadata.ts";
import { badRequest } from "../errors.ts";

/** Request headers that become metadata under their own name. */
const forwarded = [
  "authorization",
  "user-agent",
  "accept-language",
  "x-request-id",
  "traceparent",
  "tracestate",
  "baggage",
  "idempotency-key",
  "if-match",
  "if-none-match",
  "last-event-id",
] as const;

/** Belong to one connection, or are for proxies to write, and never travel on. Source: RFC 9110, 7.6.1; RFC 7239. */
const hopByHop =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|content-length|content-type|forwarded|x-forwarded-.*|x-real-ip)$/;

const requestPrefix = "grpc-metadata-";

/** Reads metadata from the headers of a request. */
export type MetadataReader = (rawHeaders: readonly string[]) => Metadata;

/**
 * Compiles which headers become metadata: the usual ones and `more` by name, `Grpc-Metadata-x` as x, nothing else.
 *
 * A plain header wins over a prefixed one of that name, so nobody smuggles a second `authorization` past a proxy.
 * What gRPC could not carry is left out; base64 that is none under a `-bin` name is a 400.
 */
export function metadataReader(more: readonly string[] = []): MetadataReader {
  const plain = new Set([...forwarded, ...more.map((name) => name.toLowerCase())]);
  return (rawHeaders) => {
    const metadata = new Metadata();
    let prefixed: string[] | undefined;
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      const name = (rawHeaders[at] as string).toLowerCase();
      if (plain.has(name)) append(metadata, name, name, rawHeaders[at + 1] as string);
      if (name.startsWith(requestPrefix)) {
        prefixed ??= [];
        prefixed.push(name, rawHeaders[at + 1] as string);
      }
    }
    if (prefixed) appendPrefixed(metadata, prefixed, plain);
    return metadata;
  };
}

/** Adds the headers with a prefix, names and values in turns, when all plain ones are there. */
function appendPrefixed(metadata: Metadata, prefixed: readonly string[], plain: ReadonlySet<string>): void {
  for (let at = 0; at < prefixed.length; at += 2) {
    const name = prefixed[at] as string;
    const key = name.slice(requestPrefix.length);
    if (key.startsWith("grpc-") || hopByHop.test(key) || (plain.has(key) && metadata.has(key))) continue;
    append(metadata, key, name, prefixed[at + 1] as string);
  }
}

function append(metadata: Metadata, key: string, header: string, value: string): void {
  const values: MetadataValue[] = key.endsWith("-bin")
    ? value.split(",").map((part) => decodeBinary(header, part.trim()))
    : [value];
  try {
    for (const one of values) metadata.append(key, one);
  } catch {
    // Legal in HTTP and not in gRPC, such as a value outside ASCII: no reason to refuse the request.
  }
}

function decodeBinary(header: string, text: string): Uint8Array {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text) || text.replace(/=+$/, "").length % 4 === 1)
    throw badRequest(header, "is not base64, which a name that ends in -bin calls for");
  return new Uint8Array(Buffer.from(text, "base64"));
}

const unitMs: { readonly [unit: string]: number } = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * How long the caller waits, in milliseconds, by `Grpc-Timeout` and `Connect-Timeout-Ms`, the shorter of the two;
 * Infinity without them. Source: gRPC over HTTP/2, "Timeout"; the Connect protocol, "Unary-Request".
 */
export function timeoutOf(headers: IncomingHttpHeaders): number {
  return Math.min(
    milliseconds(headers, "grpc-timeout", /^(\d{1,8})([HMSmun])$/, 'at most 8 digits and one of "HMSmun"'),
    milliseconds(headers, "connect-timeout-ms", /^(\d{1,10})$/, "at most 10 digits"),
  );
}

function milliseconds(headers: IncomingHttpHeaders, name: string, pattern: RegExp, expected: string): number {
  const text = headers[name];
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const [, digits, unit] = pattern.exec(String(text)) ?? [];
  if (digits === undefined) throw badRequest(name, `is not ${expected}`);
  return Number(digits) * (unitMs[unit ?? "m"] as number);
}
