import type { Clock } from "../../core/clock.ts";
import { refusal } from "../../core/refusal.ts";

type Jose = typeof import("jose");
type FindKey = ReturnType<Jose["createLocalJWKSet"]>;

/** After so long the keys are asked for again, while the old ones stay in use. */
const maxAgeMs = 10 * 60_000;
/** Between two requests: an unknown key id in a forged token must not make us flood the issuer. */
const cooldownMs = 30_000;
/** The same while there are no keys at all, and nobody can call. */
const cooldownWithoutKeysMs = 1_000;
const fetchTimeoutMs = 5_000;

/**
 * The keys at a JWKS URL: loaded when first needed, loaded again for a key id that is not among them, and kept when
 * the issuer cannot be reached.
 */
export class RemoteKeys {
  readonly #url: URL;
  readonly #clock: Clock;
  #keys: FindKey | undefined;
  #loadedAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  #loading: Promise<FindKey> | undefined;
  #failure: unknown;

  /** Throws when the URL is none, or could be read by others on the way. */
  constructor(url: string, clock: Clock) {
    this.#url = URL.canParse(url) ? new URL(url) : wrong("is not a URL");
    const local = ["localhost", "127.0.0.1", "[::1]"].includes(this.#url.hostname);
    if (this.#url.protocol !== "https:" && !(this.#url.protocol === "http:" && local)) {
      wrong("is not https: whoever answers it decides who may call");
    }
    this.#clock = clock;
  }

  /** Finds the key of a token. Fails with UNAVAILABLE when there are no keys, and as jose does when none fits. */
  async find(jose: Jose, ...[header, token]: Parameters<FindKey>): ReturnType<FindKey> {
    const keys = this.#keys ?? (await this.#load(jose));
    if (this.#clock.now() - this.#loadedAt > maxAgeMs) this.#refresh(jose);
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof jose.errors.JWKSNoMatchingKey)) throw error;
      const newer = await this.#load(jose).catch(() => keys);
      if (newer === keys) throw error;
      return await newer(header, token);
    }
  }

  #cooling(): boolean {
    const wait = this.#keys ? cooldownMs : cooldownWithoutKeysMs;
    return this.#clock.now() - this.#triedAt < wait;
  }

  /** Loads in the background, if it is time to; a failure keeps the keys that are there and is told once there are none. */
  #refresh(jose: Jose): void {
    this.#load(jose).catch(() => {});
  }

  #load(jose: Jose): Promise<FindKey> {
    if (this.#loading) return this.#loading;
    if (this.#cooling()) return Promise.reject(unavailable(this.#failure));
    this.#triedAt = this.#clock.now();
    this.#loading = this.#fetch(jose)
      .then(
        (keys) => {
          this.#loadedAt = this.#clock.now();
          this.#keys = keys;
          return keys;
        },
        (error) => {
          this.#failure = error;
          throw unavailable(error);
        },
      )
      .finally(() => {
        this.#loading = undefined;
      });
    return this.#loading;
  }

  async #fetch(jose: Jose): Promise<FindKey> {
    const response = await fetch(this.#url, {
      headers: { accept: "application/jwk-set+json, application/json" },
      redirect: "error",
      signal: AbortSignal.timeout(fetchTimeoutMs),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`the JWKS URL answers ${response.status}`);
    }
    return jose.createLocalJWKSet((await response.json()) as Parameters<Jose["createLocalJWKSet"]>[0]);
  }
}

const unavailable = (cause: unknown) =>
  refusal("UNAVAILABLE", "the keys that verify tokens cannot be loaded: try again later", { refusedBy: "auth", cause });

function wrong(what: string): never {
  throw new TypeError(`jwksUri ${what}: use the issuer's https URL`);
}
