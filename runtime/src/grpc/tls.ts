import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";

/** A PEM file: its path, or what is in it. */
export type Pem = string | Uint8Array;

/** How a client speaks TLS. Files are read once, by `connect`. */
export interface ClientTls {
  /** Certificates of the authorities to trust. Default: those that Node.js trusts. */
  readonly ca?: Pem | undefined;
  /** This client's certificate chain, for mutual TLS. Default: none. Needs `key`. */
  readonly cert?: Pem | undefined;
  /** The private key of `cert`. */
  readonly key?: Pem | undefined;
  /** The name that the server's certificate must have. Default: the host of the address. */
  readonly serverName?: string | undefined;
}

/** How a server speaks TLS. Files are read once, at start. */
export interface ServerTls {
  /** The server's certificate chain. */
  readonly cert: Pem;
  /** Its private key. */
  readonly key: Pem;
  /** Certificates of the authorities that sign client certificates. */
  readonly ca?: Pem | undefined;
  /** Mutual TLS: refuse a client without a certificate that `ca` signed. Default: true when `ca` is set. */
  readonly requireClientCert?: boolean | undefined;
}

/** Throws an Error that names the option and the file. `where` says who asks, such as `connect("users:8080")`. */
export function clientCredentials(tls: ClientTls | true | undefined, where: string): ChannelCredentials {
  if (tls === undefined) return ChannelCredentials.createInsecure();
  if (tls === true) return ChannelCredentials.createSsl();
  if ((tls.cert === undefined) !== (tls.key === undefined))
    throw new TypeError(`${where}: tls.cert and tls.key belong together, set both or neither`);
  const [ca, key, cert] = [pem(tls, "ca", where), pem(tls, "key", where), pem(tls, "cert", where)];
  return usable(where, () => ChannelCredentials.createSsl(ca, key, cert));
}

/** The files of a server's TLS options, read. Throws an Error that names the option and the file. */
export function readServerTls(tls: ServerTls, where: string) {
  const mutual = tls.requireClientCert ?? tls.ca !== undefined;
  if (mutual && tls.ca === undefined)
    throw new TypeError(`${where}: tls.requireClientCert needs tls.ca, the authority that signs client certificates`);
  const [ca, key, cert] = [pem(tls, "ca", where), pem(tls, "key", where), pem(tls, "cert", where)];
  if (!key || !cert) throw new TypeError(`${where}: tls needs cert and key`);
  usable(where, () => createSecureContext({ key, cert, ...(ca && { ca }) }));
  return { ca, key, cert, mutual };
}

/** Throws an Error that names the option and the file. */
export function serverCredentials(tls: ServerTls | undefined, where: string): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const { ca, key, cert, mutual } = readServerTls(tls, where);
  return usable(where, () => ServerCredentials.createSsl(ca, [{ private_key: key, cert_chain: cert }], mutual));
}

function pem(tls: ClientTls | ServerTls, option: "ca" | "cert" | "key", where: string): Buffer | null {
  const value = tls[option];
  if (value === undefined) return null;
  // A path has no line breaks; a broken key that has some must not be taken for one and repeated in an error.
  const inline = typeof value === "string" && /[\r\n]|-----BEGIN /.test(value);
  let bytes: Buffer;
  try {
    bytes = typeof value === "string" && !inline ? readFileSync(value) : Buffer.from(value as string);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`${where}: tls.${option} names ${value}, which cannot be read (${code})`, { cause: error });
  }
  if (!bytes.includes("-----BEGIN "))
    throw new Error(`${where}: tls.${option}${typeof value === "string" && !inline ? ` (${value})` : ""} is not PEM`);
  return bytes;
}

/** Runs what parses the files; OpenSSL's own text says which of them it cannot use, and why. */
function usable<T>(where: string, create: () => T): T {
  try {
    return create();
  } catch (error) {
    throw new Error(`${where}: the TLS certificate, key or ca cannot be used: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
