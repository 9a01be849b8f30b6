import type { SecurityRequirementObject, SecuritySchemeObject } from "openapi3-ts/oas31";
import type { Requirement, SecurityScheme } from "./swagger.ts";

/** How callers prove who they are to a provider: a bearer token, an API key in a header, or a client certificate. */
export interface ProviderScheme {
  readonly provider: string;
  readonly kind: "bearer" | "api_key" | "mtls";
  /** Of an API key. */
  readonly header: string | undefined;
}

/** The security schemes of one document. Proto files name providers; what these are, the configuration of a server says. */
export class Security {
  readonly schemes = new Map<string, SecuritySchemeObject>();
  readonly #providers: readonly ProviderScheme[];

  /** `providers` says what providers are; of others, those that are called after API keys are keys, and the rest bearer tokens. */
  constructor(providers: readonly ProviderScheme[]) {
    this.#providers = providers;
  }

  /** What a call of a method needs: any one of these. */
  of(auth: {
    readonly access?: string;
    readonly providers?: readonly string[];
    readonly scopes?: readonly string[];
  }): SecurityRequirementObject[] {
    const { access, providers = [], scopes = [] } = auth;
    if (access !== "AUTHENTICATED") {
      // A caller may be known, or nobody may call: nothing is asked for.
      const optional = access === "PUBLIC" && providers.length > 0 ? this.#each(providers, scopes) : [];
      return optional.length > 0 ? [{}, ...optional] : [];
    }
    const every = this.#providers.map(({ provider }) => provider);
    return this.#each(providers.length > 0 ? providers : every.length > 0 ? every : ["bearer"], scopes);
  }

  /** What grpc-gateway's annotation asks for; schemes that it does not define are left out. */
  declared(
    requirements: readonly Requirement[],
    definitions: { readonly [name: string]: SecurityScheme },
  ): SecurityRequirementObject[] {
    return requirements.flatMap(({ schemes = {} }) => {
      const names = Object.keys(schemes);
      for (const name of names) {
        const scheme = definitions[name] && modern(definitions[name]);
        if (scheme) this.schemes.set(keyOf(name), scheme);
      }
      if (!names.every((name) => this.schemes.has(keyOf(name)))) return [];
      return [Object.fromEntries(names.map((name) => [keyOf(name), [...(schemes[name]?.scope ?? [])]]))];
    });
  }

  #each(providers: readonly string[], scopes: readonly string[]): SecurityRequirementObject[] {
    return providers.map((provider) => {
      const name = keyOf(provider);
      this.schemes.set(name, this.#scheme(provider));
      return { [name]: [...scopes] };
    });
  }

  #scheme(provider: string): SecuritySchemeObject {
    const kind = this.#providers.find((one) => one.provider === provider)?.kind ?? guess(provider);
    if (kind === "bearer") return { type: "http", scheme: "bearer" };
    if (kind === "mtls") return { type: "mutualTLS" as SecuritySchemeObject["type"] }; // The types do not know it yet.
    const header = this.#providers.find((one) => one.provider === provider)?.header ?? "x-api-key";
    return { type: "apiKey", in: "header", name: header };
  }
}

/** A name as a component may be called. Source: OpenAPI 3.1.0, "Components Object". */
const keyOf = (name: string): string => name.replace(/[^A-Za-z0-9._-]/g, "_");

const guess = (provider: string): ProviderScheme["kind"] => {
  if (/api.?key/i.test(provider)) return "api_key";
  return /^mtls$/i.test(provider) ? "mtls" : "bearer";
};

/** A scheme of OpenAPI 2 as OpenAPI 3.1 has it; undefined for what it has no form for. */
function modern(given: SecurityScheme): SecuritySchemeObject | undefined {
  const description = given.description ? { description: given.description } : {};
  switch (Number(given.type ?? 0)) {
    case 1:
      return { type: "http", scheme: "basic", ...description };
    case 2: {
      const where = Number(given.in ?? 0) === 1 ? "query" : "header";
      const name = given.name ?? "authorization";
      // OpenAPI 2 has no bearer tokens, so files ask for this header instead.
      if (where === "header" && name.toLowerCase() === "authorization")
        return { type: "http", scheme: "bearer", ...description };
      return { type: "apiKey", in: where, name, ...description };
    }
    case 3: {
      const flow = (["", "implicit", "password", "clientCredentials", "authorizationCode"] as const)[
        Number(given.flow ?? 0)
      ];
      if (!flow) return undefined;
      const { authorizationUrl = "", tokenUrl = "" } = given;
      const needs = {
        ...(flow === "implicit" || flow === "authorizationCode" ? { authorizationUrl } : {}),
        ...(flow === "implicit" ? {} : { tokenUrl }),
      };
      return { type: "oauth2", ...description, flows: { [flow]: { ...needs, scopes: given.scopes?.scope ?? {} } } };
    }
    default:
      return undefined;
  }
}
