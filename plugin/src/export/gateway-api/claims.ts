import type { MethodContract } from "../../contract/contract.ts";
import { type Access, hasKeys, type Named } from "../shared/access.ts";

/** Claims of tokens that a method's rate limits ask for, as headers that the gateway fills in. By the claim, "" is who calls. */
export type Claims = ReadonlyMap<string, { readonly header: string }>;

/** What a key of a limit asks of a token: the claim, "" for who calls; undefined for keys about something else. */
export const claimOf = (key: string): string | undefined =>
  key === "principal" ? "" : key.startsWith("claim:") ? key.slice("claim:".length) : undefined;

/**
 * The claims that a method's limits ask for, where every call that passes has a good token: a caller could write the header itself
 * if there were none. Envoy takes away what a caller writes there.
 */
export function claimsOf({ policy }: MethodContract, access: Access): Claims {
  if (access.kind !== "known" || !access.jwt.some(hasKeys)) return new Map();
  const keys = (policy.rateLimit ?? []).flatMap(({ by }) => by.map(claimOf));
  // A dot leads into the claim in Envoy.
  const wanted = keys.filter((claim) => claim !== undefined).filter((claim) => /^[\w-]*$/.test(claim));
  return new Map(
    wanted.map((claim) => [claim, { header: claim === "" ? "x-mesh-principal" : `x-mesh-claim-${claim}` }]),
  );
}

/** The headers as a provider of a SecurityPolicy has them. */
export const claimHeaders = (claims: Claims, { subjectClaim }: Named<"jwt">) =>
  [...claims].map(([claim, { header }]) => ({ claim: claim === "" ? subjectClaim : claim, header }));
