import type { MethodContract } from "../../contract/contract.ts";
import { type Access, hasKeys, type Named, uncheckedText } from "../shared/access.ts";
import { objectName } from "../shared/kubernetes.ts";
import type { Losses } from "../shared/losses.ts";
import { type Claims, claimHeaders } from "./claims.ts";

/** What a method's SecurityPolicy says, without its targets. */
export type Security = { readonly [field: string]: unknown };

const nobody: Security = { authorization: { defaultAction: "Deny" } };

/** Who may call a method; undefined: everybody. What Envoy Gateway cannot check is refused, except a rule over the request. */
export function securityOf(
  method: MethodContract,
  access: Access,
  claims: Claims,
  losses: Losses,
): Security | undefined {
  const lose = (option: string, text: string) => losses.add(method, option, text);
  if (method.policy.auth?.rule !== undefined)
    lose(
      "auth.rule",
      "is not exported: Envoy Gateway cannot read requests, and lets through who passes the rest of auth; keep the server's own auth",
    );
  if (access.kind === "nobody") return nobody;
  if (access.kind === "everybody") {
    if (access.unchecked.length > 0) lose("auth.providers", uncheckedText("Envoy Gateway", access));
    const providers = access.jwt.map((one) => tokens(one, one.audiences, claims));
    return providers.length === 0 ? undefined : { jwt: { optional: true, providers } };
  }
  const { jwt, apiKey, mtls, missing, scopes, audiences } = access;
  if (missing.length > 0)
    lose(
      "auth.providers",
      `names ${missing.join(", ")}, which the configuration does not have: Envoy Gateway refuses their callers`,
    );
  if (mtls.length > 0)
    lose(
      "auth.providers",
      `has certificates (${namesOf(mtls)}), which a route does not look at: Envoy Gateway refuses their callers`,
    );
  const keyless = jwt.filter((one) => !hasKeys(one));
  if (keyless.length > 0)
    lose(
      "auth.providers",
      `has tokens (${namesOf(keyless)}) without a key set that Envoy Gateway can read: it refuses their callers`,
    );
  // A dot leads into a claim there, and the claim of that whole name is not looked at.
  const dotted = scopes.length > 0 ? jwt.filter(({ scopesClaim }) => scopesClaim.includes(".")) : [];
  for (const { name, scopesClaim } of dotted)
    lose(
      "auth.scopes",
      `are in the claim ${scopesClaim}, which Envoy Gateway takes for a path: it refuses callers that only ${name} knows`,
    );
  const meant = jwt
    .filter((one) => hasKeys(one) && !dotted.includes(one))
    .flatMap((provider) => {
      const both = meantFor(provider, audiences);
      return both ? [{ provider, audiences: both }] : [];
    });
  if (meant.length === 0)
    return apiKeys(method, apiKey, jwt.length + missing.length + mtls.length > 0, scopes, audiences, losses) ?? nobody;
  if (apiKey.length > 0)
    lose(
      "auth.providers",
      `has API keys (${namesOf(apiKey)}) beside tokens, of which Envoy Gateway would ask for both: it refuses callers with keys`,
    );
  const spaced = scopes.length > 0 ? meant.filter(({ provider }) => !standard(provider)) : [];
  if (spaced.length > 0)
    lose(
      "auth.scopes",
      `must be a list in the tokens of ${namesOf(spaced.map(({ provider }) => provider))}: Envoy Gateway takes text apart in the claims scope and scp alone`,
    );
  return {
    jwt: { providers: meant.map((one) => tokens(one.provider, one.audiences, claims)) },
    ...(scopes.length > 0 && {
      authorization: {
        defaultAction: "Deny",
        rules: meant.map(({ provider }) => ({
          name: provider.name,
          action: "Allow",
          principal: { jwt: principal(provider, scopes) },
        })),
      },
    }),
  };
}

const namesOf = (providers: readonly { readonly name: string }[]) => providers.map(({ name }) => name).join(", ");

/** Whether a token's scopes are in one of the claims that Envoy Gateway looks for by itself. */
const standard = ({ scopesClaim }: Named<"jwt">) => scopesClaim === "scope" || scopesClaim === "scp";

const principal = (provider: Named<"jwt">, scopes: readonly string[]) => ({
  provider: provider.name,
  ...(standard(provider)
    ? { scopes }
    : { claims: scopes.map((scope) => ({ name: provider.scopesClaim, valueType: "StringArray", values: [scope] })) }),
});

/** Audiences that the provider and the method both take; undefined when there are none. */
function meantFor({ audiences }: Named<"jwt">, ofMethod: readonly string[]): readonly string[] | undefined {
  if (ofMethod.length === 0 || audiences.length === 0) return ofMethod.length === 0 ? audiences : ofMethod;
  const both = audiences.filter((audience) => ofMethod.includes(audience));
  return both.length > 0 ? both : undefined;
}

function tokens(provider: Named<"jwt">, audiences: readonly string[], claims: Claims) {
  const { name, issuer, jwksUri, jwks } = provider;
  const claimToHeaders = claimHeaders(claims, provider);
  return {
    name,
    issuer,
    ...(audiences.length > 0 && { audiences }),
    // By itself Envoy Gateway takes a query parameter as well.
    extractFrom: { headers: [{ name: "Authorization", valuePrefix: "Bearer " }] },
    ...(jwksUri === undefined ? { localJWKS: { type: "Inline", inline: jwks } } : { remoteJWKS: { uri: jwksUri } }),
    ...(claimToHeaders.length > 0 && { claimToHeaders }),
  };
}

/** Keys alone; undefined when nobody can be let through. */
function apiKeys(
  method: MethodContract,
  providers: readonly Named<"api_key">[],
  others: boolean,
  scopes: readonly string[],
  audiences: readonly string[],
  losses: Losses,
): Security | undefined {
  if (providers.length === 0) {
    if (!others)
      losses.add(
        method,
        "auth",
        "lets nobody through: no provider of the configuration fits; give auth.providers by the parameter config",
      );
    return undefined;
  }
  if (scopes.length + audiences.length > 0) {
    losses.add(
      method,
      "auth.scopes",
      `are those of API keys (${namesOf(providers)}), which Envoy Gateway does not know: it refuses their callers`,
    );
    return undefined;
  }
  const secrets = providers.map(({ name }) => ({ name: `${objectName(name)}-api-keys` }));
  losses.add(
    method,
    "auth.providers",
    `takes its keys from the Secret ${secrets.map(({ name }) => name).join(", ")}: the configuration has their hashes alone`,
  );
  return {
    apiKeyAuth: {
      credentialRefs: secrets,
      extractFrom: [{ headers: [...new Set(providers.map(({ header }) => header))] }],
    },
  };
}
