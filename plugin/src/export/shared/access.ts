import type { AuthConfig } from "@protomesh/runtime/policies";
import type { Deployment, Provider } from "../deployment.ts";

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
