import { createPublicKey, type KeyObject } from "node:crypto";
import type { Principal } from "../../core/call.ts";
import { type Clock, systemClock } from "../../core/clock.ts";
import { RpcError } from "../../core/error.ts";
import { checkKeys, keysOf } from "../../core/known-keys.ts";
import { Lru } from "../../core/lru.ts";
import type { AuthProvider } from "../../core/policy.ts";
import { bearerToken } from "./bearer.ts";
import { unauthenticated } from "./refuse.ts";
import { RemoteKeys } from "./remote-keys.ts";

/** Which tokens are good. Exactly one of `jwksUri`, `jwks`, `publicKey` and `secret` says by which keys. */
export interface JwtOptions {
  /** The only `iss` that is accepted. */
  readonly issuer: string;
  /** The token must be meant for one of them. Default: not checked here; a method's `auth.audiences` still is. */
  readonly audiences?: readonly string[];
  /** Default: RS256, PS256, ES256 and EdDSA; with `secret`: HS256. `none` is never accepted. */
  readonly algorithms?: readonly string[];
  /** Where the issuer publishes its keys: an https URL. */
  readonly jwksUri?: string;
  /** The same as data. */
  readonly jwks?: { readonly keys: readonly { readonly [member: string]: unknown }[] };
  /** One public key or certificate, PEM. */
  readonly publicKey?: string;
  /** A secret that issuer and server share, at least 32 bytes. For HS algorithms only. */
  readonly secret?: Uint8Array;
  /** How far the issuer's clock may be off, in milliseconds. Default: 60,000. */
  readonly clockSkewMs?: number;
  /** The claim that names the caller. Default: `sub`. */
  readonly subjectClaim?: string;
  /** The claim with the scopes: a list, or text separated by spaces. Default: `scope`, else `scp`. */
  readonly scopesClaim?: string;
  /** Default: the system's. */
  readonly clock?: Clock;
}

const asymmetric = ["RS256", "PS256", "ES256", "EdDSA"];
/** How many verified tokens are remembered; the one unused for longest makes room. */
const rememberedTokens = 10_000;
/** Even a token that lives longer is verified again after this, so that a key taken back stops working. */
const rememberedMs = 10 * 60_000;

const known = keysOf<JwtOptions>({
  issuer: true,
  audiences: true,
  algorithms: true,
  jwksUri: true,
  jwks: true,
  publicKey: true,
  secret: true,
  clockSkewMs: true,
  subjectClaim: true,
  scopesClaim: true,
  clock: true,
});

/**
 * Knows callers by the signed token in `authorization: Bearer`.
 *
 * A token needs an expiry, the issuer and a subject. Once verified it is remembered until it expires, ten minutes at
 * most, and then costs one look-up. Needs the package `jose`. Throws when the options contradict each other.
 * Source: RFC 7519, RFC 8725.
 */
export function jwt(options: JwtOptions): AuthProvider {
  checkKeys(options, known, "jwt");
  const { issuer, audiences, clockSkewMs = 60_000, clock = systemClock } = options;
  if (!issuer) throw new TypeError("jwt: issuer is missing: name the only `iss` to accept");
  const algorithms = algorithmsOf(options);
  const keys = verificationKeys(options, clock);
  const verified = new Lru<string, { readonly principal: Principal; readonly until: number }>(rememberedTokens);

  const verify = async (token: string): Promise<Principal> => {
    const jose = await loadJose();
    const rules = {
      issuer,
      algorithms,
      clockTolerance: clockSkewMs / 1000,
      currentDate: new Date(clock.wallNow()),
      requiredClaims: ["exp"],
      ...(audiences && { audience: [...audiences] }),
    };
    let payload: Payload;
    try {
      ({ payload } = await verifyByAny(jose, token, keys, rules));
    } catch (error) {
      throw explain(error, jose);
    }
    const principal = frozen(principalOf(payload, options));
    const now = clock.wallNow();
    verified.set(token, {
      principal,
      until: Math.min((payload.exp as number) * 1000 + clockSkewMs, now + rememberedMs),
    });
    return principal;
  };

  return {
    authenticate({ metadata }) {
      const token = bearerToken(metadata);
      if (token === undefined) return undefined;
      const entry = verified.get(token);
      return entry && clock.wallNow() < entry.until ? entry.principal : verify(token);
    },
    async ready() {
      const jose = await loadJose();
      if (typeof keys === "function") keys(jose);
    },
  };
}

type Jose = typeof import("jose");
type Payload = { readonly [claim: string]: unknown };
type FindKey = ReturnType<Jose["createLocalJWKSet"]>;
type Rules = NonNullable<Parameters<Jose["jwtVerify"]>[2]>;
/** A key, or how to find one for a token. */
type Keys = KeyObject | Uint8Array | ((jose: Jose) => FindKey | ((...of: Parameters<FindKey>) => ReturnType<FindKey>));

async function loadJose(): Promise<Jose> {
  try {
    return await import("jose");
  } catch (cause) {
    throw new Error("verifying tokens needs the package jose: run npm install jose", { cause });
  }
}

/** Verifies; when the key set has several keys that fit a token without a key id, by each of them. */
async function verifyByAny(jose: Jose, token: string, keys: Keys, rules: Rules): Promise<{ payload: Payload }> {
  if (typeof keys !== "function") return jose.jwtVerify(token, keys, rules);
  try {
    return await jose.jwtVerify(token, keys(jose), rules);
  } catch (error) {
    if (!(error instanceof jose.errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      try {
        return await jose.jwtVerify(token, key, rules);
      } catch (wrong) {
        if (!(wrong instanceof jose.errors.JWSSignatureVerificationFailed)) throw wrong;
      }
    }
    throw new jose.errors.JWSSignatureVerificationFailed();
  }
}

function algorithmsOf({ algorithms, secret }: JwtOptions): string[] {
  const list = [...(algorithms ?? (secret ? ["HS256"] : asymmetric))];
  for (const algorithm of list) {
    const fits = secret ? /^HS\d+$/.test(algorithm) : /^(?:[RPE]S\d+|EdDSA|Ed25519)$/.test(algorithm);
    if (!fits) {
      throw new TypeError(
        `jwt: algorithm ${JSON.stringify(algorithm)} does not go with ${secret ? "a secret: use HS256" : "public keys: use RS256, PS256, ES256 or EdDSA"}`,
      );
    }
  }
  if (list.length === 0) throw new TypeError("jwt: algorithms is empty: leave it out or name one");
  return list;
}

function verificationKeys({ jwksUri, jwks, publicKey, secret }: JwtOptions, clock: Clock): Keys {
  if ([jwksUri, jwks, publicKey, secret].filter((one) => one !== undefined).length !== 1) {
    throw new TypeError("jwt: give exactly one of jwksUri, jwks, publicKey and secret");
  }
  if (jwksUri !== undefined) {
    const remote = new RemoteKeys(jwksUri, clock);
    return (jose) => (header, token) => remote.find(jose, header, token);
  }
  if (jwks) {
    let find: FindKey | undefined;
    return (jose) => {
      find ??= jose.createLocalJWKSet(jwks as Parameters<Jose["createLocalJWKSet"]>[0]);
      return find;
    };
  }
  if (secret) {
    if (secret.length >= 32) return secret;
    throw new TypeError(`jwt: secret has ${secret.length} bytes, which can be guessed: use at least 32 random bytes`);
  }
  if (publicKey?.includes("PRIVATE KEY")) {
    throw new TypeError("jwt: publicKey holds a private key, which belongs to the issuer alone: give its public part");
  }
  try {
    return createPublicKey(publicKey as string);
  } catch {
    throw new TypeError("jwt: publicKey is not a public key or certificate in PEM");
  }
}

/** Says what is wrong with a token without a word of what is in it. */
function explain(error: unknown, { errors }: Jose): unknown {
  if (error instanceof RpcError) return error;
  if (error instanceof errors.JWTExpired) return unauthenticated("the token has expired: get a new one");
  if (error instanceof errors.JWTClaimValidationFailed) {
    return unauthenticated(`the token's claim "${error.claim}" is missing or not accepted here`);
  }
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey) {
    return unauthenticated("the token is not signed by a key of its issuer");
  }
  // A TypeError is jose's word for a token whose header does not go with our key, a DataError that of Node.js 22.
  if (
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    error instanceof TypeError ||
    (error instanceof DOMException && error.name === "DataError")
  ) {
    return unauthenticated("the token is signed in a way that is not accepted here");
  }
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) {
    return unauthenticated("the bearer token is not a signed JWT");
  }
  return error;
}

function principalOf(claims: Payload, { subjectClaim = "sub", scopesClaim }: JwtOptions): Principal {
  const subject = claims[subjectClaim];
  if (typeof subject !== "string" || subject === "") {
    throw unauthenticated(`the token's claim "${subjectClaim}" does not name a caller`);
  }
  const scopes = claims[scopesClaim ?? "scope"] ?? (scopesClaim === undefined ? claims.scp : undefined);
  return { subject, provider: "jwt", scopes: words(scopes), audiences: texts(claims.aud), claims };
}

/** The principal of a remembered token is handed to call after call: none may change it for the next. */
function frozen<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === "object" && inner !== null) frozen(inner);
  return Object.freeze(value);
}

const words = (value: unknown): readonly string[] =>
  typeof value === "string" ? value.split(" ").filter((word) => word !== "") : texts(value);

const texts = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : [value]).filter((one): one is string => typeof one === "string");
