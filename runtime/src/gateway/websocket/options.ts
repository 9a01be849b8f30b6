import { checkKeys, keysOf } from "../../core/known-keys.ts";

/** How WebSockets are served. */
export interface WebSocketOptions {
  /**
   * Whose pages may connect, such as `https://app.example.com`; `*` for all. Clients without an Origin header are not
   * browsers, and may. Default: pages of the host that the handshake names. Others get 403. Source: RFC 6455, 10.2.
   */
  readonly origins?: readonly string[] | undefined;
  /**
   * The cookie that holds a bearer token, for pages that have no other way; the Authorization header and the subprotocol
   * win over it. Default: cookies are not read.
   */
  readonly cookie?: string | undefined;
  /** How often clients are pinged, in milliseconds. One that leaves two pings unanswered is cut. Default: 30000; 0: never. */
  readonly pingMs?: number | undefined;
  /** Ends calls with UNAVAILABLE and closes with 1001 at this age, in milliseconds, so that clients spread over new servers. Default: never. */
  readonly maxConnectionAgeMs?: number | undefined;
}

/** The same, checked. */
export interface WebSocketSettings {
  /** Undefined: same host only. */
  readonly origins: ReadonlySet<string> | undefined;
  readonly cookie: string | undefined;
  /** Infinity: never. */
  readonly pingMs: number;
  /** Infinity: never. */
  readonly maxConnectionAgeMs: number;
}

const known = keysOf<WebSocketOptions>({ origins: true, cookie: true, pingMs: true, maxConnectionAgeMs: true });

/** Checks options. Throws a TypeError that names the one that is wrong. */
export function readWebSocketOptions(options: WebSocketOptions, where: string): WebSocketSettings {
  checkKeys(options, known, where);
  const origins = options.origins && new Set(options.origins.map((origin) => checkOrigin(origin, where)));
  const { cookie } = options;
  if (cookie !== undefined && !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(cookie))
    throw new TypeError(`${where}: cookie is ${JSON.stringify(cookie)}: use the name of a cookie`);
  if (cookie !== undefined && origins?.has("*"))
    throw new TypeError(
      `${where}: with a cookie and origins "*" every site could act as its visitors: list the origins that may`,
    );
  return {
    origins,
    cookie,
    pingMs: milliseconds(options.pingMs, 30_000, `${where}: pingMs`),
    maxConnectionAgeMs: milliseconds(options.maxConnectionAgeMs, 0, `${where}: maxConnectionAgeMs`),
  };
}

function checkOrigin(origin: string, where: string): string {
  if (origin === "*" || originOf(origin) === origin) return origin;
  throw new TypeError(
    `${where}: origins has ${JSON.stringify(origin)}: use what browsers send, such as "https://app.example.com", without a path`,
  );
}

/** An origin as browsers write it, or undefined when the text is none. */
function originOf(text: string): string | undefined {
  try {
    const { origin } = new URL(text);
    return origin === "null" ? undefined : origin;
  } catch {
    return undefined;
  }
}

/** 0 is never. */
function milliseconds(value: number | undefined, standard: number, where: string): number {
  const ms = value ?? standard;
  if (typeof ms !== "number" || !(ms >= 0) || ms === Number.POSITIVE_INFINITY)
    throw new TypeError(`${where} is ${ms}: use a number of milliseconds, or 0 for never`);
  return ms === 0 ? Number.POSITIVE_INFINITY : ms;
}
