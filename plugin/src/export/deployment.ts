/** What an enforcement point must know besides the contract: where services are, and whom to trust. */
export interface Deployment {
  /** Where a service is served. */
  upstreamOf(service: string): Upstream;
  /** How callers prove who they are, by the name that `auth.providers` uses. */
  readonly providers: ReadonlyMap<string, Provider>;
}

/** Where a service is served. */
export interface Upstream {
  /** A name that targets may use for it, such as a cluster's: lower case letters, digits and dashes. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Whether it is reached by TLS. */
  readonly tls: boolean;
}

/** A verifier of credentials, as far as other enforcement points can do the same. */
export type Provider =
  | {
      readonly kind: "jwt";
      readonly issuer: string;
      readonly audiences: readonly string[];
      /** Where the keys are: an https URL, or undefined when they are in a file. */
      readonly jwksUri: string | undefined;
      /** The keys as JSON, when the configuration names a file of them. */
      readonly jwks: string | undefined;
      readonly clockSkewSeconds: number;
      /** The claim with the scopes. */
      readonly scopesClaim: string;
    }
  | { readonly kind: "api_key"; readonly header: string }
  | { readonly kind: "mtls"; readonly ids: readonly string[] };

/** Without a configuration file: every service is behind its own name in lower case, port 50051, and nobody is known. */
export const unknownDeployment: Deployment = {
  upstreamOf(service) {
    const name = (service.split(".").at(-1) as string).replace(/(?<=[a-z\d])(?=[A-Z])/g, "-").toLowerCase();
    return { name, host: name, port: 50051, tls: false };
  },
  providers: new Map(),
};
