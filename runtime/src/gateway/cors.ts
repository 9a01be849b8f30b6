import type { IncomingMessage, ServerResponse } from "node:http";
import { checkKeys, keysOf } from "../core/known-keys.ts";
import { addVary } from "./vary.ts";

/** Which pages of other origins may call, and what of the answers they may read. Source: the Fetch standard, 3.2. */
export interface CorsOptions {
  /**
   * Origins as browsers send them, `https://shop.example.com`; `https://*.example.com` for every subdomain, not the
   * domain itself; `*` for everybody. Required.
   */
  readonly origins: readonly string[];
  /** Request headers that pages may send, besides those that a gateway reads. Default: none. */
  readonly headers?: readonly string[] | undefined;
  /** Response headers that pages may read, besides those that a gateway writes. Default: none. */
  readonly exposeHeaders?: readonly string[] | undefined;
  /** Whether cookies and client certificates go along. Not with the origin `*`. Default: false. */
  readonly credentials?: boolean | undefined;
  /** How long a browser may keep the answer to a preflight, in seconds. Browsers have limits of their own. Default: 600. */
  readonly maxAgeSeconds?: number | undefined;
}

/** What a gateway tells browsers, for every door that they use. */
export interface Cors {
  /** Whether pages of this origin may call; also for doors that browsers do not ask by CORS, such as WebSocket. */
  allows(origin: string): boolean;
  /** Sets what a page needs to read the answer, whatever the answer becomes. Runs before the head of it is written. */
  mark(req: IncomingMessage, res: ServerResponse): void;
  /** Answers a preflight for a path that is served with these methods. Browsers send no credentials with it. */
  preflight(req: IncomingMessage, res: ServerResponse, methods: readonly string[]): void;
}

/** Request headers that gateways read on some door, besides those that CORS always admits. */
const read =
  "authorization content-type content-encoding idempotency-key if-match if-none-match x-request-id traceparent tracestate baggage last-event-id grpc-timeout connect-timeout-ms connect-protocol-version connect-accept-encoding connect-content-encoding x-grpc-web x-user-agent".split(
    " ",
  );

/** Response headers that gateways write on some door, besides those that CORS always admits. */
const written =
  "grpc-status grpc-message grpc-status-details-bin connect-accept-encoding connect-content-encoding content-encoding content-disposition etag location retry-after ratelimit ratelimit-policy www-authenticate age x-mesh-cache x-mesh-fallback".split(
    " ",
  );

const known = keysOf<CorsOptions>({
  origins: true,
  headers: true,
  exposeHeaders: true,
  credentials: true,
  maxAgeSeconds: true,
});

/** Longer ones are no origins: a host name has 253 letters at most. Source: RFC 1035, 2.3.4. */
const longestOrigin = 300;
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Whether a request asks if another may be sent. Source: the Fetch standard, "CORS-preflight request". */
export const isPreflight = ({ method, headers }: IncomingMessage): boolean =>
  method === "OPTIONS" && headers.origin !== undefined && headers["access-control-request-method"] !== undefined;

/**
 * Compiles the options. `more` are headers that this gateway reads and writes besides the usual ones.
 *
 * Throws a TypeError for what no browser would accept: `*` with credentials, an origin with a path.
 */
export function compileCors(
  options: CorsOptions,
  more: { readonly request: readonly string[]; readonly response: readonly string[] },
): Cors {
  checkKeys(options, known, "cors");
  const { credentials = false, maxAgeSeconds = 600 } = options;
  if (!Array.isArray(options.origins) || options.origins.length === 0)
    throw new TypeError('cors: origins is missing: list them, such as origins: ["https://shop.example.com"]');
  const everybody = options.origins.includes("*");
  if (everybody && credentials)
    throw new TypeError('cors: origins has "*", which browsers refuse with credentials: list the origins');
  if (!Number.isSafeInteger(maxAgeSeconds) || maxAgeSeconds < 0)
    throw new TypeError(`cors: maxAgeSeconds is ${maxAgeSeconds}: use a whole number of at least 0`);
  const fits = matcher(options.origins.filter((origin) => origin !== "*"));
  const allows = (origin: string) => everybody || fits(origin);
  const requestHeaders = names("headers", [...read, ...more.request, ...(options.headers ?? [])]);
  const expose = [...names("exposeHeaders", [...written, ...more.response, ...(options.exposeHeaders ?? [])])].join(
    ", ",
  );

  /** Says who may read; false when this origin may not. */
  const admit = (req: IncomingMessage, res: ServerResponse): boolean => {
    // Caches must not hand one origin's answer to another, not even the one that names nobody.
    if (!everybody) addVary(res, "origin");
    const { origin } = req.headers;
    if (origin === undefined || !allows(origin)) return false;
    res.setHeader("access-control-allow-origin", everybody ? "*" : origin);
    if (credentials) res.setHeader("access-control-allow-credentials", "true");
    return true;
  };
  return {
    allows,
    mark(req, res) {
      if (admit(req, res)) res.setHeader("access-control-expose-headers", expose);
    },
    preflight(req, res, methods) {
      if (admit(req, res)) {
        addVary(res, "access-control-request-headers");
        res.setHeader("access-control-allow-methods", methods.join(", "));
        res.setHeader("access-control-allow-headers", [...requestHeaders, ...metadataOf(req)].join(", "));
        res.setHeader("access-control-max-age", maxAgeSeconds);
      }
      res.writeHead(204).end();
    },
  };
}

/** The metadata that a page wants to send: every name with the prefix may come in, so none is listed. */
function metadataOf({ headers }: IncomingMessage): string[] {
  const asked = String(headers["access-control-request-headers"] ?? "").split(",", 100);
  return asked.map((name) => name.trim().toLowerCase()).filter((name) => /^grpc-metadata-[a-z0-9_.-]+$/.test(name));
}

function names(key: string, list: readonly string[]): ReadonlySet<string> {
  for (const name of list) {
    if (!token.test(name)) throw new TypeError(`cors: ${key} has ${JSON.stringify(name)}, which no header is called`);
  }
  return new Set(list.map((name) => name.toLowerCase()));
}

/** Compares origins; a pattern's star stands for one or more labels. */
function matcher(origins: readonly string[]): (origin: string) => boolean {
  const exact = new Set<string>();
  const patterns: { readonly scheme: string; readonly suffix: string }[] = [];
  for (const origin of origins) {
    const [, scheme, star, rest] = /^([a-z][a-z0-9+.-]*:\/\/)(\*(?=\.))?([^*]+)$/.exec(String(origin)) ?? [];
    const plain = `${scheme}${star ? `x${rest}` : rest}`;
    if (scheme === undefined || !isOrigin(plain))
      throw new TypeError(
        `cors: origins has ${JSON.stringify(origin)}: write scheme and host as browsers send them, such as "https://shop.example.com" or "https://*.example.com", without a path and without the scheme's own port`,
      );
    if (star) patterns.push({ scheme, suffix: rest as string });
    else exact.add(origin);
  }
  return (origin) =>
    exact.has(origin) ||
    (origin.length <= longestOrigin &&
      patterns.some(
        ({ scheme, suffix }) =>
          origin.startsWith(scheme) &&
          origin.endsWith(suffix) &&
          /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(origin.slice(scheme.length, origin.length - suffix.length)),
      ));
}

/** Whether browsers would send a text as an origin. Of schemes that URL does not know, everything but a path is. */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin, protocol, host } = new URL(text);
  return text === (origin === "null" ? `${protocol}//${host}` : origin);
}
