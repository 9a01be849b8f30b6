import type { IncomingMessage } from "node:http";
import { badRequest, HttpError } from "../errors.ts";
import { originOf } from "../forwarded.ts";
import type { WebSocketSettings } from "./options.ts";
import { bare, json, type Protocol, proto } from "./protocol.ts";

/** What a handshake asks for. */
export interface Handshake {
  readonly protocol: Protocol;
  /** The subprotocol to answer with; undefined when the client offered none. */
  readonly accepted: string | undefined;
  /** What metadata is read from: with the token as Authorization, without cookies. */
  readonly rawHeaders: readonly string[];
}

/** True for a request that asks for WebSocket. Source: RFC 6455, 4.2.1; RFC 9110, 7.8. */
export const asksForWebSocket = ({ headers }: IncomingMessage): boolean =>
  /(?:^|,)\s*websocket\s*(?:,|$)/i.test(headers.upgrade ?? "");

/**
 * Checks a handshake. Throws HttpError: 400 for what is none, 403 for a page that may not connect, 405 and 426 as RFC
 * 6455 has them.
 */
export function readHandshake(req: IncomingMessage, settings: WebSocketSettings, host = req.headers.host): Handshake {
  const { headers } = req;
  if (req.method !== "GET") {
    throw new HttpError(405, "INVALID_ARGUMENT", "a WebSocket handshake is a GET request", {
      headers: { allow: "GET" },
    });
  }
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers["sec-websocket-key"] ?? ""))
    throw badRequest("Sec-WebSocket-Key", "is missing, or is not 16 bytes in base64");
  if (headers["sec-websocket-version"] !== "13") {
    throw new HttpError(426, "INVALID_ARGUMENT", "the version of WebSocket that is spoken here is 13", {
      // The connection is closed; whoever sends Upgrade must say so there too. Source: RFC 9110, 7.8.
      headers: { "sec-websocket-version": "13", upgrade: "websocket", connection: "upgrade, close" },
    });
  }
  checkOrigin(req, settings, host);
  const { token, ...chosen } = choose(offered(headers["sec-websocket-protocol"]));
  const credential = token ?? cookieToken(headers.cookie, settings.cookie);
  return { ...chosen, rawHeaders: credentials(req, credential) };
}

/** Browsers let any page connect anywhere, with cookies, and only say which page it was. Source: RFC 6455, 10.2. */
function checkOrigin(req: IncomingMessage, { origins }: WebSocketSettings, host: string | undefined): void {
  const { origin } = req.headers;
  if (origin === undefined) return;
  if (origins ? origins.has("*") || origins.has(origin) : isSameHost(origin, host, req)) return;
  throw new HttpError(403, "PERMISSION_DENIED", "pages of this origin may not connect by WebSocket");
}

/** Ports count. A plain page must not reach what is served by TLS: anybody on its way can write it. */
function isSameHost(origin: string, host: string | undefined, req: IncomingMessage): boolean {
  const { protocol, host: from } = parsed(origin) ?? {};
  const secure = (originOf(req)?.proto ?? ("encrypted" in req.socket ? "https" : "http")) === "https";
  if (protocol !== "https:" && (protocol !== "http:" || secure)) return false;
  return from === parsed(`${protocol}//${host}`)?.host;
}

function parsed(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}

/** The subprotocols that the client offers. */
function offered(header: string | undefined): readonly string[] {
  if (header === undefined) return [];
  const names = header.split(",").map((name) => name.trim());
  if (names.every((name) => /^[!#$%&'*+\-.0-9A-Z^_`|a-z~]+$/.test(name)) && new Set(names).size === names.length)
    return names;
  throw badRequest("Sec-WebSocket-Protocol", "is not a list of different tokens");
}

const bearerPrefix = "bearer.";

/**
 * The first of our subprotocols, and the token: as `bearer.<base64url>`, or as the name after `Bearer`. Browsers want one of
 * the names that they offered in the answer, and it must not be the token.
 */
function choose(names: readonly string[]): Omit<Handshake, "rawHeaders"> & { readonly token: string | undefined } {
  const own = names.find((name) => name === json.name || name === proto.name);
  const at = names.findIndex((name) => /^bearer$/i.test(name));
  const encoded = names.find((name) => name.startsWith(bearerPrefix));
  const token = at >= 0 ? names[at + 1] : encoded && decode(encoded.slice(bearerPrefix.length));
  if (at >= 0 && token === undefined) throw badRequest("Sec-WebSocket-Protocol", "has no token after Bearer");
  if (own !== undefined) return { protocol: own === json.name ? json : proto, accepted: own, token };
  if (names.length === 0 || at >= 0) return { protocol: bare, accepted: names[at], token };
  throw badRequest(
    "Sec-WebSocket-Protocol",
    `has no subprotocol that is spoken here: offer ${json.name} or ${proto.name}, or none at all`,
  );
}

function decode(text: string): string {
  const token = /^[A-Za-z0-9_-]+={0,2}$/.test(text) ? Buffer.from(text, "base64url").toString("latin1") : "";
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw badRequest("Sec-WebSocket-Protocol", "has no token in base64url after bearer.");
}

/** The value of the cookie, which holds a token as it is. */
function cookieToken(header: string | undefined, name: string | undefined): string | undefined {
  if (name === undefined || header === undefined) return undefined;
  const pair = header.split(";").find((one) => one.trim().startsWith(`${name}=`));
  return pair?.trim().slice(name.length + 1) || undefined;
}

/** An Authorization header wins over a token. Cookies and the handshake's own headers are nobody else's business. */
function credentials({ rawHeaders, headers }: IncomingMessage, token: string | undefined): readonly string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (!/^(?:cookie|sec-websocket-.*)$/i.test(name)) kept.push(name, rawHeaders[at + 1] as string);
  }
  if (token !== undefined && headers.authorization === undefined) kept.push("authorization", `Bearer ${token}`);
  return kept;
}
