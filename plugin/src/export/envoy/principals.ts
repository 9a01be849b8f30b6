import { type Access, hasKeys, type Named } from "../shared/access.ts";
import { callersWith } from "../shared/callers.ts";
import { extension, filterNames, type Part } from "./part.ts";

/** Callers that one of some providers knows. */
export type Known = Extract<Access, { readonly kind: "known" }>;

/** The callers that a method lets in: one of them is enough. Source: envoy.config.rbac.v3.Principal. */
export function principalsOf({ jwt, mtls, scopes, audiences }: Known): Part[] {
  const byToken = jwt.filter(hasKeys).map((provider) => tokenOf(provider, scopes, audiences));
  // A certificate is for no audience.
  if (audiences.length > 0) return byToken;
  const byCertificate = callersWith(mtls, scopes).map(({ id, except }) =>
    except.length === 0
      ? certificateOf(id)
      : { and_ids: { ids: [certificateOf(id), { not_id: anyOf(except.map(certificateOf)) }] } },
  );
  return [...byToken, ...byCertificate];
}

function tokenOf(provider: Named<"jwt">, scopes: readonly string[], audiences: readonly string[]): Part {
  const { issuer, subjectClaim, scopesClaim } = provider;
  const claims = scopesClaim === "scope" ? ["scope", "scp"] : [scopesClaim];
  const rules = [
    claimIs(provider, "iss", { string_match: { exact: issuer } }),
    // A token that names nobody is no credential.
    claimIs(provider, subjectClaim, { string_match: { safe_regex: { regex: "(?s).+" } } }),
    ...scopes.map((scope) =>
      anyOf(
        claims.flatMap((claim) => [
          claimIs(provider, claim, { string_match: { safe_regex: { regex: `(?:.* )?${escaped(scope)}(?: .*)?` } } }),
          claimIs(provider, claim, listWith(scope)),
        ]),
      ),
    ),
    // Of the provider too: jwt_authn compares without "https://" before and a slash behind.
    ...[provider.audiences, audiences].filter(({ length }) => length > 0).map((some) => meantFor(provider, some)),
  ];
  return { and_ids: { ids: rules } };
}

const meantFor = (provider: Named<"jwt">, audiences: readonly string[]): Part =>
  anyOf(
    audiences.flatMap((audience) => [
      claimIs(provider, "aud", { string_match: { exact: audience } }),
      claimIs(provider, "aud", listWith(audience)),
    ]),
  );

const anyOf = (ids: readonly Part[]): Part => ({ or_ids: { ids } });

const listWith = (text: string): Part => ({ list_match: { one_of: { string_match: { exact: text } } } });

/** A claim of a token that jwt_authn found good, by its whole name: claims are called like addresses, too. */
const claimIs = ({ name }: Named<"jwt">, claim: string, value: Part): Part => ({
  sourced_metadata: {
    metadata_matcher: {
      filter: filterNames.jwt,
      path: [{ key: name }, { key: claim }],
      value,
    },
    metadata_source: "DYNAMIC",
  },
});

/** A certificate with a SPIFFE id, or one below it. Only names of type URI count. */
const certificateOf = (id: string): Part => ({
  custom: {
    name: "envoy.rbac.principals.mtls_authenticated",
    typed_config: extension("rbac.principals.mtls_authenticated.v3.Config", {
      san_matcher: {
        san_type: "URI",
        matcher: id.endsWith("/*") ? { prefix: id.slice(0, -1) } : { exact: id },
      },
    }),
  },
});

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
