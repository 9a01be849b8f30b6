import { readFileSync } from "node:fs";
import { type ClientTls, connect, Metadata, type Target } from "@protomesh/runtime";
import { type Flag, type Given, type Operand, UsageError } from "./command.ts";

/** How every command that calls describes where. */
export const addressOperand: Operand = {
  name: "address",
  text: "host:port, :port on this machine, or a gRPC name such as dns:///users:8080 or unix:/run/users.sock",
};

/** The flags of every command that calls: how to connect, and what to send along. */
export const connectionFlags: readonly Flag[] = [
  {
    name: "header",
    short: "H",
    value: "name: value",
    many: true,
    secret: true,
    text: "metadata; @file reads lines, so that secrets are not on the command line",
  },
  { name: "tls", text: "speaks TLS to this machine, too" },
  { name: "plaintext", text: "speaks plain text to other machines, too" },
  { name: "ca", value: "file", text: "PEM of the authorities to trust; default: those of Node.js" },
  { name: "cert", value: "file", text: "PEM of the client's certificate, for mutual TLS" },
  { name: "key", value: "file", text: "PEM of its private key" },
  { name: "server-name", value: "name", text: "that the server's certificate must have; default: the host" },
];

/** What --help says about TLS. */
export const connectionNotes = `TLS is the default, as with grpcurl, except to this machine (localhost, 127.0.0.0/8, ::1, unix:), which gets plain text unless
--tls, --ca, --cert or --server-name is there.`;

/** Whoever calls by hand wants to see what comes; descriptors may be large, too. */
const maxReceiveBytes = 256 * 1024 * 1024;

/** A server as its flags say to reach it. Throws a UsageError. */
export function connectTo(given: string, flags: Given): Target {
  // Of an address by number, Node.js would warn with each connection that it has no name to verify.
  process.noDeprecation = true;
  const address = given.startsWith(":") ? `localhost${given}` : given;
  const tls = tlsOf(flags) ?? (isLocal(address) ? undefined : true);
  try {
    return connect(address, { tls: flags.has("plaintext") ? undefined : tls, maxReceiveBytes });
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/^connect\((.*?)\): /, "$1: "));
  }
}

function tlsOf(given: Given): ClientTls | true | undefined {
  const names = ["ca", "cert", "key", "server-name"];
  const set = ["tls", ...names].filter((name) => given.has(name));
  if (given.has("plaintext") && set.length > 0)
    throw new UsageError(`--plaintext and --${set[0]} contradict each other: keep one`);
  const [ca, cert, key, serverName] = names.map((name) => given.one(name));
  const options = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), ...(serverName && { serverName }) };
  return Object.keys(options).length > 0 ? options : given.has("tls") || undefined;
}

const isLocal = (address: string): boolean =>
  /^(unix(-abstract)?:|((dns|ipv4|ipv6):(\/\/\/)?)?(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$)/i.test(address);

/** The metadata of the flags. Throws a UsageError that names a key, never a value. */
export function metadataOf(given: Given): Metadata {
  const metadata = new Metadata();
  for (const line of given.all("header").flatMap(linesOf)) {
    const [, name, value] = /^([^:]+?)\s*:\s*(.*)$/s.exec(line) ?? [];
    if (name === undefined || value === undefined)
      throw new UsageError("--header has no colon: write --header 'name: value'");
    try {
      metadata.append(name, name.toLowerCase().endsWith("-bin") ? bytesOf(name, value) : value);
    } catch (error) {
      throw new UsageError(`--header: ${(error as Error).message}`);
    }
  }
  return metadata;
}

function bytesOf(name: string, value: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value)) throw new Error(`${name} ends in -bin: write its value in base64`);
  return Buffer.from(value, "base64");
}

function linesOf(text: string): string[] {
  if (!text.startsWith("@")) return [text];
  const file = text.slice(1);
  try {
    return readFileSync(file, "utf8")
      .split(/\r?\n/)
      .filter((line) => line.trim() !== "" && !line.startsWith("#"));
  } catch (error) {
    throw new UsageError(`--header: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
