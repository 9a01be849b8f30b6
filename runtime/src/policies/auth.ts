import { choice, list, OptionError, word } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";
import type { AuthConfig } from "./auth/config.ts";
import { attachCredentials } from "./auth/credentials.ts";
import { admitCallers } from "./auth/layer.ts";
import { checkRule } from "./auth/rule-layer.ts";
import { rules } from "./auth/rules.ts";

export { type ApiKey, type ApiKeyOptions, apiKeys } from "./auth/api-keys.ts";
export { claimAt, claimHas } from "./auth/claims.ts";
export type { AuthConfig } from "./auth/config.ts";
export { type JwtOptions, jwt } from "./auth/jwt.ts";
export { type MtlsCaller, type MtlsOptions, mtls } from "./auth/mtls.ts";

/** Tokens separate scopes by spaces, so that no caller would have one with a space. Source: RFC 6749, section 3.3. */
function checkScope(scope: string): void {
  if (!/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope))
    throw new OptionError(
      `${JSON.stringify(scope)} is no scope: name each on its own, in ASCII, without spaces, quotes and backslashes`,
    );
}

function checkAudience(audience: string): void {
  if (audience === "") throw new OptionError("is empty: name who a token must be for");
}

/** Who may call; on the client, what proves who calls. A method without it refuses every call. */
export const auth: Policy<"auth", AuthConfig> = {
  name: "auth",
  option: "auth",
  // Scopes of a service mean nothing to a method that is open to all, or to nobody, and a list cannot be emptied.
  replaces: ({ access }) => access === "PUBLIC" || access === "DENY",
  fields: {
    access: choice("access", { fallback: () => "DENY" as const }),
    providers: list("providers", undefined, { fallback: () => [] }),
    scopes: list("scopes", checkScope, { fallback: () => [] }),
    audiences: list("audiences", checkAudience, { fallback: () => [] }),
    rule: word("rule"),
  },
  absent: { access: "DENY", providers: [], scopes: [], audiences: [] },
  client: attachCredentials,
  server: admitCallers,
  rules,
  reference: {
    example: `auth: { access: AUTHENTICATED scopes: "orders.read" rule: "auth.sub == request.user_id || 'admin' in auth.scopes" }`,
    errors: {
      UNAUTHENTICATED: "The call has no credential, or none that a provider accepts; over HTTP 401.",
      PERMISSION_DENIED:
        "The caller is known and lacks a scope or the audience, the rule is not true or fails, or nobody may call at all; over HTTP 403.",
      UNAVAILABLE:
        "A provider could not decide, such as one that cannot load its keys; other codes are the provider's own.",
    },
    outcomes: {
      unauthenticated: "The call had no good credential.",
      denied: "The caller is known and lacks a scope or the audience, or the method is for nobody.",
      providerFailed: "No provider knew the caller, and one of them could not decide.",
      refused: "The rule was not true; code that the generator made of a rule counts its errors here, too.",
      ruleError: "The rule could not be evaluated for the call, which refuses it.",
    },
    exports: {
      Envoy:
        "`jwt_authn` and `rbac` for tokens, certificates, access, scopes and audiences; callers by API key are refused; `rule` has no counterpart.",
      Istio: "RequestAuthentication and AuthorizationPolicy, one `when` per scope; `rule` has no counterpart.",
      "Gateway API":
        "Envoy Gateway's SecurityPolicy `jwt`, `apiKeyAuth` and `authorization`; `rule` has no counterpart.",
      OpenAPI: "`security` with the scopes of each operation.",
    },
  },
};

/** The part of `auth` that reads the request. */
export const authRule: Pick<Policy<"auth", AuthConfig>, "name" | "server"> = { name: "auth", server: checkRule };
