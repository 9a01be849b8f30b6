/** Who may call a method. */
export interface AuthConfig {
  /**
   * DENY: nobody. AUTHENTICATED: callers that a provider knows. PUBLIC: everybody, and credentials are not even
   * looked at, unless `providers` are named: then a caller with a good credential is known, one with a bad credential
   * is refused, and one without is anonymous.
   */
  readonly access: "DENY" | "PUBLIC" | "AUTHENTICATED";
  /** Names of providers, asked in this order until one knows the caller; empty: every configured one. */
  readonly providers: readonly string[];
  /** The caller needs all of them. */
  readonly scopes: readonly string[];
  /** The credential is meant for one of them; empty: not checked. */
  readonly audiences: readonly string[];
  /** A CEL expression that must be true, over `auth`, `request` and `method`. Absent: not checked. */
  readonly rule?: string;
}
