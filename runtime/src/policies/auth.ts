import { choice, list, word } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";

/** Who may call a method. */
export interface AuthConfig {
  readonly access: "DENY" | "PUBLIC" | "AUTHENTICATED";
  /** Names of providers; empty: every configured one. */
  readonly providers: readonly string[];
  /** The caller needs all of them. */
  readonly scopes: readonly string[];
  /** The credential is meant for one of them; empty: not checked. */
  readonly audiences: readonly string[];
  readonly rule?: string;
}

export const auth: Policy<"auth", AuthConfig> = {
  name: "auth",
  option: "auth",
  fields: {
    access: choice("access", { fallback: () => "DENY" as const }),
    providers: list("providers", undefined, { fallback: () => [] }),
    scopes: list("scopes", undefined, { fallback: () => [] }),
    audiences: list("audiences", undefined, { fallback: () => [] }),
    rule: word("rule"),
  },
};
