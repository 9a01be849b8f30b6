import { createHash, timingSafeEqual } from "node:crypto";
import type { Principal } from "../../core/call.ts";
import { checkKeys, keysOf } from "../../core/known-keys.ts";
import type { AuthProvider } from "../../core/policy.ts";
import { unauthenticated } from "./refuse.ts";

/** One key and whom it stands for. */
export interface ApiKey {
  /** SHA-256 of the key, 64 hex digits. The key itself stays with its owner. */
  readonly sha256: string;
  readonly subject: string;
  /** Default: none. */
  readonly scopes?: readonly string[];
  /** Default: none. */
  readonly audiences?: readonly string[];
}

/** Which keys are good. */
export interface ApiKeyOptions {
  /** The header that carries the key. Default: `x-api-key`. */
  readonly header?: string;
  /** Every call is compared with all of them: meant for tens of keys, not for thousands. */
  readonly keys: readonly ApiKey[];
}

const optionKeys = keysOf<ApiKeyOptions>({ header: true, keys: true });
const keyKeys = keysOf<ApiKey>({ sha256: true, subject: true, scopes: true, audiences: true });

/**
 * Knows callers by a secret in a header. Meant for long random keys: a hash does not protect short ones from guessing.
 *
 * Throws when a hash is none, or two keys are the same.
 */
export function apiKeys(options: ApiKeyOptions): AuthProvider {
  checkKeys(options, optionKeys, "apiKeys");
  const { header = "x-api-key", keys } = options;
  for (const key of keys) checkKeys(key, keyKeys, "apiKeys: keys");
  const known = keys.map(({ sha256, subject, scopes = [], audiences = [] }) => {
    if (!/^[0-9a-f]{64}$/i.test(sha256)) {
      throw new TypeError(
        `apiKeys: sha256 of ${JSON.stringify(subject)} is not 64 hex digits: give the SHA-256 of the key`,
      );
    }
    if (!subject) throw new TypeError("apiKeys: a key has no subject: say whom it stands for");
    const principal: Principal = { subject, provider: "apiKeys", scopes, audiences, claims: {} };
    return { digest: Buffer.from(sha256, "hex"), principal };
  });
  const twice = keys.find(
    ({ sha256 }, n) => keys.findIndex((one) => one.sha256.toLowerCase() === sha256.toLowerCase()) !== n,
  );
  if (twice) throw new TypeError(`apiKeys: ${JSON.stringify(twice.subject)} has the key of another: give each its own`);
  const wrong = unauthenticated("the API key is not known");

  return {
    headers: [header],
    authenticate({ metadata }) {
      const values = metadata.all(header);
      const [value] = values;
      if (value === undefined) return undefined;
      if (values.length > 1 || typeof value !== "string") throw wrong;
      const digest = createHash("sha256").update(value).digest();
      let found: Principal | undefined;
      // All of them, each in constant time: how long it takes says nothing about how close a guess was.
      for (const key of known) if (timingSafeEqual(key.digest, digest)) found = key.principal;
      if (!found) throw wrong;
      return found;
    },
  };
}
