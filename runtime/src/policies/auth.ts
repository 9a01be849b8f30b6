import { choice, list, word } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";
import type { AuthConfig } from "./auth/config.ts";
import { attachCredentials } from "./auth/credentials.ts";
import { admitCallers } from "./auth/layer.ts";
import { rules } from "./auth/rules.ts";

export { type ApiKey, type ApiKeyOptions, apiKeys } from "./auth/api-keys.ts";
export type { AuthConfig } from "./auth/config.ts";
export { type JwtOptions, jwt } from "./auth/jwt.ts";
export { type MtlsCaller, type MtlsOptions, mtls } from "./auth/mtls.ts";

/** Who may call; on the client, what proves who calls. A method without it refuses every call. */
export const auth: Policy<"auth", AuthConfig> = {
  name: "auth",
  option: "auth",
  // Scopes of a service mean nothing to a method that is open to all, or to nobody, and a list cannot be emptied.
  replaces: ({ access }) => access === "PUBLIC" || access === "DENY",
  fields: {
    access: choice("access", { fallback: () => "DENY" as const }),
    providers: list("providers", undefined, { fallback: () => [] }),
    scopes: list("scopes", undefined, { fallback: () => [] }),
    audiences: list("audiences", undefined, { fallback: () => [] }),
    rule: word("rule"),
  },
  absent: { access: "DENY", providers: [], scopes: [], audiences: [] },
  client: attachCredentials,
  server: admitCallers,
  rules,
  reference: { example: "", errors: {}, outcomes: {}, exports: {} },
};

/** The part of `auth` that reads the request. */
export const authRule: Pick<Policy<"auth", AuthConfig>, "name" | "server"> = { name: "auth" };
