import type { AuthConfig } from "@protomesh/runtime/policies";
import type { Place } from "../../problems.ts";
import type { Deployment, Provider } from "../deployment.ts";
import type { Losses } from "./losses.ts";

/** A provider with the name that policies know it by. */
export type Named<Kind extends Provider["kind"]> = { readonly name: string } & Extract<
  Provider,
  { readonly kind: Kind }
>;

/** Who may call a method. */
export type Access =
  | { readonly kind: "nobody" }
  | {
      readonly kind: "everybody";
      /** Who shows a token must show a good one. */
      readonly jwt: readonly Named<"jwt">[];
      /** Providers that the method names besides, by which no target looks at credentials. */
      readonly unchecked: readonly string[];
    }
  | {
      readonly kind: "known";
      readonly jwt: readonly Named<"jwt">[];
      readonly apiKey: readonly Named<"api_key">[];
      readonly mtls: readonly Named<"mtls">[];
      /** Providers that the method names and the deployment does not have. */
      readonly missing: readonly string[];
      /** The caller needs all of them. */
      readonly scopes: readonly string[];
      /** The credential is meant for one of them; empty: not checked. */
      readonly audiences: readonly string[];
    };

/** What a method's auth comes to with the providers of a deployment. Without any auth nobody may call. */
export function accessOf(auth: AuthConfig | undefined, { providers }: Deployment): Access {
  if (!auth || auth.access === "DENY") return { kind: "nobody" };
  const names = auth.providers.length > 0 ? auth.providers : auth.access === "PUBLIC" ? [] : [...providers.keys()];
  const of = <Kind extends Provider["kind"]>(kind: Kind) =>
    names.flatMap((name) => {
      const provider = providers.get(name);
      return provider?.kind === kind ? [{ name, ...provider } as Named<Kind>] : [];
    });
  if (auth.access === "PUBLIC") {
    const jwt = of("jwt").filter(hasKeys);
    return { kind: "everybody", jwt, unchecked: names.filter((name) => !jwt.some((one) => one.name === name)) };
  }
  return {
    kind: "known",
    jwt: of("jwt"),
    apiKey: of("api_key"),
    mtls: of("mtls"),
    missing: names.filter((name) => !providers.has(name)),
    scopes: auth.scopes,
    audiences: auth.audiences,
  };
}

/** Whether a token's keys are known outside the service: by address, or because the configuration has them. */
export const hasKeys = ({ jwks, jwksUri }: Named<"jwt">): boolean => jwks !== undefined || jwksUri !== undefined;

/** What becomes of credentials on a PUBLIC method that a target cannot look at. */
export const uncheckedText = (target: string, { unchecked }: { readonly unchecked: readonly string[] }): string =>
  `names ${unchecked.join(", ")}, by which ${target} checks nobody: bad credentials go on to the server, which must refuse them`;

/** The issuers with known keys that some method trusts, each once. */
export function issuersOf(accesses: readonly Access[]): Named<"jwt">[] {
  const all = accesses.flatMap((access) => (access.kind === "nobody" ? [] : access.jwt)).filter(hasKeys);
  return [...new Map(all.map((issuer) => [issuer.name, issuer])).values()];
}

/** Reports what Envoy checks of tokens in another way where nothing else can be said, at the services whose methods trust them. */
export function reportTokens(
  target: string,
  services: readonly { readonly place: Place }[],
  issuers: readonly Named<"jwt">[],
  losses: Losses,
): void {
  for (const { clockSkewSeconds, name } of issuers)
    for (const { place } of services) {
      losses.at(
        place,
        `trusts ${name}, of which ${target} takes tokens without an expiry too: the server refuses them`,
      );
      if (clockSkewSeconds !== 60)
        losses.at(place, `trusts ${name}, whose clock_skew becomes 60s: ${target} has that for all`);
    }
}
