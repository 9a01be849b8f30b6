import type { Position } from "../problems.ts";

/** What an enforcement point must know besides the contract: where services are, and whom to trust. */
export interface Deployment {
  /** Where a service is served. */
  upstreamOf(service: string): Upstream;
  /** How callers prove who they are, by the name that `auth.providers` uses. */
  readonly providers: ReadonlyMap<string, Provider>;
  /** Where a proxy listens, by `server`. Absent: 127.0.0.1:8080, plain text. */
  readonly listener: Listener | undefined;
  /** Which pages may call, by `gateway.cors`. Absent: none of other origins. */
  readonly cors: Cors | undefined;
  /** What the configuration says that no target takes over, each with what becomes of it. */
  readonly losses: readonly { readonly place: Position; readonly text: string }[];
}

/** Where a service is served. */
export interface Upstream {
  /** A name that targets may use for it, such as a cluster's: lower case letters, digits, dashes and underscores; no other upstream has it. */
  readonly name: string;
  /** Set where the configuration has targets, and none of them for the service: its place is taken from its name. */
  readonly guessed?: true;
  /** The first of `addresses`. */
  readonly host: string;
  readonly port: number;
  /** All that it may be reached at, at least one. */
  readonly addresses: readonly Address[];
  /** How long a call may wait for a connection. Absent: five seconds. */
  readonly connectTimeoutMs?: number | undefined;
  /** Whether it is reached by TLS. */
  readonly tls: boolean;
  /** The name that its certificate must have. Absent: the host. */
  readonly serverName?: string | undefined;
  /** Certificates of the authorities to trust, a path as the configuration has it. Absent: those of the system. */
  readonly caFile?: string | undefined;
  /** The proxy's own certificate and key, paths as the configuration has them. Absent: none. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** A host, by name or number, and a port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where a proxy listens. */
export interface Listener extends Address {
  /** Paths as the configuration has them. Absent: plain text. */
  readonly tls: { readonly certFile: string; readonly keyFile: string; readonly clientCaFile?: string } | undefined;
}

/** Which pages may call. */
export interface Cors {
  /** `https://shop.example.com`, `https://*.example.com` or `*`. */
  readonly origins: readonly string[];
  readonly headers: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly credentials: boolean;
  readonly maxAgeSeconds: number;
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
      /** The claim that names the caller. */
      readonly subjectClaim: string;
      /** The claim with the scopes: `scope`, where nothing is said, and then `scp` counts too. */
      readonly scopesClaim: string;
    }
  | { readonly kind: "api_key"; readonly header: string }
  | {
      readonly kind: "mtls";
      readonly ids: readonly string[];
      /** The same ids, with the scopes that they have. */
      readonly callers: readonly { readonly id: string; readonly scopes: readonly string[] }[];
    };

/** Without a configuration file: every service is behind its own name in lower case, port 50051, and nobody is known. */
export const unknownDeployment: Deployment = {
  upstreamOf(service) {
    const name = (service.split(".").at(-1) as string).replace(/(?<=[a-z\d])(?=[A-Z])/g, "-").toLowerCase();
    return { name, host: name, port: 50051, addresses: [{ host: name, port: 50051 }], tls: false };
  },
  providers: new Map(),
  listener: undefined,
  cors: undefined,
  losses: [],
};
