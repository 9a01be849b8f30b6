import { Metadata } from "../core/metadata.ts";

/**
 * Belongs to the protocols and to the connection, or is for proxies to write. Source: RFC 9110, 7.6.1; RFC 7239; the Connect
 * protocol; gRPC-Web.
 */
const notMetadata =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|forwarded|x-forwarded-.*|x-real-ip|accept|accept-encoding|content-.*|connect-.*|grpc-.*|x-grpc-web)$/;

/** The metadata of a request: with Connect and gRPC-Web every other header is some, as with gRPC. */
export function readMetadata(headers: Headers): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of headers) {
    if (notMetadata.test(name)) continue;
    try {
      if (!name.endsWith("-bin")) metadata.append(name, value);
      else for (const one of value.split(",")) metadata.append(name, Buffer.from(one.trim(), "base64"));
    } catch {
      // Legal in HTTP and not in gRPC, such as a value outside ASCII: no reason to refuse the request.
    }
  }
  return metadata;
}

/** Adds metadata to headers or trailers. */
export function writeMetadata(headers: Headers, metadata: Metadata): void {
  for (const [name, value] of metadata)
    headers.append(name, typeof value === "string" ? value : Buffer.from(value).toString("base64").replace(/=+$/, ""));
}
