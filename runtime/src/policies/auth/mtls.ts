import type { Principal } from "../../core/call.ts";
import { checkKeys, keysOf } from "../../core/known-keys.ts";
import { Lru } from "../../core/lru.ts";
import type { AuthProvider } from "../../core/policy.ts";
import { unauthenticated } from "./refuse.ts";

/** One caller, or all below a path. */
export interface MtlsCaller {
  /** A SPIFFE id such as `spiffe://acme.com/shop/cart`; `spiffe://acme.com/shop/*` is every id below that path. */
  readonly id: string;
  /** Default: none. */
  readonly scopes?: readonly string[];
}

/** Which certificates are good. */
export interface MtlsOptions {
  /** Who may call; the first that fits counts. */
  readonly callers: readonly MtlsCaller[];
}

const callerKeys = keysOf<MtlsCaller>({ id: true, scopes: true });
const legalId = /^spiffe:\/\/[a-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/;
const rememberedIds = 1_000;

/**
 * Knows callers by the SPIFFE id in their client certificate, which the TLS layer has verified against the server's
 * CA. A certificate must have exactly one URI name; its common name is never looked at.
 *
 * Source: SPIFFE X.509-SVID; gRFC A87. Throws when an id is not one.
 */
export function mtls(options: MtlsOptions): AuthProvider {
  checkKeys(options, ["callers"], "mtls");
  const { callers } = options;
  for (const caller of callers) checkKeys(caller, callerKeys, "mtls: callers");
  for (const { id } of callers) {
    if (!legalId.test(id.replace(/\/\*$/, ""))) {
      throw new TypeError(
        `mtls: ${JSON.stringify(id)} is not a SPIFFE id: write spiffe://<trust domain>/<path>, or end it with /*`,
      );
    }
  }
  const known = new Lru<string, Principal>(rememberedIds);
  const several = unauthenticated("the client certificate must have exactly one URI name, its SPIFFE id");
  const stranger = unauthenticated("the client certificate's SPIFFE id is not among those that may call");

  return {
    authenticate({ peer }) {
      if (!peer?.certificate) return undefined;
      const { uris } = peer.certificate;
      const [uri] = uris;
      if (uri === undefined || uris.length > 1) throw several;
      const before = known.get(uri);
      if (before) return before;
      // "shop/.." must not count as below "shop".
      if (!legalId.test(uri) || /\/\.\.?(?:\/|$)/.test(uri)) throw stranger;
      const caller = callers.find(({ id }) => (id.endsWith("/*") ? uri.startsWith(id.slice(0, -1)) : uri === id));
      if (!caller) throw stranger;
      const principal = { subject: uri, provider: "mtls", scopes: caller.scopes ?? [], audiences: [], claims: {} };
      known.set(uri, principal);
      return principal;
    },
  };
}
