import { isUtf8 } from "node:buffer";
import { codeNumber } from "../../core/error.ts";
import type { Metadata } from "../../core/metadata.ts";
import { statusKey } from "../response/headers.ts";

/** What a frame of a client says. */
export type Incoming =
  | { readonly kind: "json"; readonly text: string }
  | { readonly kind: "bytes"; readonly data: Uint8Array }
  /** The client sends no more messages. */
  | { readonly kind: "end" }
  /** Nothing that the subprotocol has. */
  | { readonly kind: "wrong"; readonly text: string };

/** How a call is written in WebSocket messages. Strings are sent as text, bytes as binary. */
export interface Protocol {
  /** As clients offer it; undefined for the one without a name. */
  readonly name: string | undefined;
  /** True when messages are in the codec's bytes and not in JSON. */
  readonly binary: boolean;
  /** Bytes that a frame has around its message, at most. */
  readonly overhead: number;
  read(data: Buffer, binary: boolean): Incoming;
  /** A reply in JSON. Binary subprotocols send the codec's bytes as they are. */
  message(json: string): string;
  /** A google.rpc.Status. */
  error(json: string): string;
  /** Headers or trailers. Undefined: there are none that clients get. */
  metadata?(name: "headers" | "trailers", metadata: Metadata): string | undefined;
}

const isEnd = (text: string): boolean => /^\s*\{\s*"end"\s*:\s*true\s*\}\s*$/.test(text);

/** JSON keeps its text: parsed and printed again it would lose digits of large numbers. */
const messageOf = (text: string): string | undefined => /^\s*\{\s*"m"\s*:(.*)\}\s*$/s.exec(text)?.[1];

const status = (json: string): string => `{"error":${json}}`;

/** Binary values in base64, several values of a key as a list. */
const metadataFrame = (name: "headers" | "trailers", metadata: Metadata): string | undefined => {
  const fields: { [key: string]: string | string[] } = {};
  for (const [key, value] of metadata) {
    if (key === statusKey) continue;
    const text = typeof value === "string" ? value : Buffer.from(value).toString("base64");
    fields[key] = Object.hasOwn(fields, key) ? [fields[key] ?? [], text].flat() : text;
  }
  return Object.keys(fields).length === 0 ? undefined : JSON.stringify({ [name]: fields });
};

/** `mesh.v1+json`: each frame is an object with one key that says what it is. */
export const json: Protocol = {
  name: "mesh.v1+json",
  binary: false,
  overhead: 64,
  read(data, binary) {
    if (binary) return { kind: "wrong", text: "mesh.v1+json has no binary frames" };
    const text = data.toString();
    const message = messageOf(text);
    if (message !== undefined) return { kind: "json", text: message };
    return isEnd(text) ? { kind: "end" } : { kind: "wrong", text: 'a frame is {"m":message} or {"end":true}' };
  },
  message: (message) => `{"m":${message}}`,
  error: status,
  metadata: metadataFrame,
};

/** `mesh.v1+proto`: messages are binary frames, everything else is as in `mesh.v1+json`. */
export const proto: Protocol = {
  name: "mesh.v1+proto",
  binary: true,
  overhead: 0,
  read(data, binary) {
    if (binary) return { kind: "bytes", data };
    return isEnd(data.toString())
      ? { kind: "end" }
      : { kind: "wrong", text: 'a frame is a message in binary, or the text {"end":true}' };
  },
  message: (message) => message,
  error: status,
  metadata: metadataFrame,
};

/** Without a subprotocol, as grpc-websocket-proxy in front of grpc-gateway: bare messages in, result lines out. */
export const bare: Protocol = {
  name: undefined,
  binary: false,
  overhead: 0,
  read(data) {
    if (!isUtf8(data)) return { kind: "wrong", text: "the frame is not UTF-8" };
    const text = data.toString();
    return text.trim() === "" ? { kind: "end" } : { kind: "json", text };
  },
  message: (message) => `{"result":${message}}`,
  error: status,
};

/**
 * Why a WebSocket was closed. 4000 and more is the call's gRPC code. Source: RFC 6455, 7.4.
 */
export const closeCodes = { ok: 1000, goingAway: 1001, wrong: 1008, bug: 1011 } as const;

/** The close code of a failed call. */
export const closeCodeOf = (code: Parameters<typeof codeNumber>[0]): number => 4000 + codeNumber(code);

/** A close frame has 125 bytes, two of them for the code. */
const longestReason = 123;

/** A text cut to what a close frame holds, between characters. */
export function closeReason(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= longestReason) return text;
  let end = longestReason;
  while (((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}
