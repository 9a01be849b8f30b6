import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, createFileRegistry, type DescMessage, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { ServiceSpec } from "@protomesh/runtime";
import { exportJWK, SignJWT } from "jose";
import { servicesOf } from "../../cli/src/services.ts";
import { compile, requestFor, run } from "../../plugin/test/compile.ts";

/** Both enforcement points get their policies from here and from nowhere else. */
const mirror = `syntax = "proto3"; package mirror.v1;
import "google/api/annotations.proto"; import "mesh/v1/options.proto";

service Mirror {
  option (mesh.v1.service) = { auth: { access: PUBLIC } timeout: { total: "20s" } };
  rpc Plain(Ask) returns (Answer) { ${safe()} option (google.api.http) = { get: "/v1/plain/{id}" }; }
  rpc Put(Ask) returns (Answer) {
    option idempotency_level = IDEMPOTENT; option (google.api.http) = { post: "/v1/things/{id}:put" body: "*" };
    option (mesh.v1.method) = { retry: { attempts: 2 on: [UNAVAILABLE, INTERNAL] initial: "10ms" } };
  }
  rpc Many(Ask) returns (stream Answer) { ${safe()} option (google.api.http) = { get: "/v1/many/{id}" }; }
  rpc Silent(Ask) returns (stream Answer) {
    ${safe()} option (google.api.http) = { get: "/v1/silent/{id}" };
    option (mesh.v1.method) = { off: TIMEOUT timeout: { idle: "1s" } };
  }
  rpc Retried(Ask) returns (Answer) {
    ${safe()} option (google.api.http) = { get: "/v1/retried/{id}" };
    option (mesh.v1.method) = { retry: { attempts: 3 on: [UNAVAILABLE, RESOURCE_EXHAUSTED] initial: "10ms" } };
  }
  rpc Impatient(Ask) returns (Answer) {
    ${safe()} option (google.api.http) = { get: "/v1/impatient/{id}" };
    option (mesh.v1.method) = { timeout: { total: "1s" } };
  }
  rpc Again(Ask) returns (Answer) {
    ${safe()} option (mesh.v1.method) = { timeout: { attempt: "1s" } retry: { attempts: 2 attempt_timeout: true initial: "10ms" } };
  }
  rpc Hedged(Ask) returns (Answer) {
    ${safe()} option (mesh.v1.method) = { hedge: { attempts: 2 delay: "100ms" } };
  }
  rpc Rare(Ask) returns (Answer) {
    ${safe()} option (google.api.http) = { get: "/v1/rare/{id}" };
    option (mesh.v1.method) = { rate_limit: { name: "rare" rate: "1/h" burst: 2 by: "metadata:x-tenant" } };
  }
  rpc Watched(Ask) returns (Answer) {
    ${safe()} option (mesh.v1.method) = { rate_limit: { name: "watched" rate: "1/h" burst: 1 shadow: true } };
  }
  rpc Small(Ask) returns (Answer) {
    ${safe()} option (google.api.http) = { post: "/v1/small" body: "*" };
    option (mesh.v1.method) = { limits: { request_bytes: 100000 } };
  }
  rpc Alone(Ask) returns (Answer) { ${safe()} option (mesh.v1.method) = { concurrency: { max: 1 } }; }
  rpc Throttled(Ask) returns (Answer) {
    ${safe()} option (mesh.v1.method) = { circuit_breaker: { adaptive: true ratio: 0.1 min_calls: 3 window: "20s" } };
  }
  rpc Measured(Ask) returns (Answer) { ${safe()} option (mesh.v1.method) = { concurrency: { adaptive: GRADIENT } }; }
  rpc Broken(Ask) returns (Answer) {
    ${safe()} option (mesh.v1.method) = { circuit_breaker: { min_calls: 3 window: "1s" open: "1h" } };
  }
}

service Guarded {
  option (mesh.v1.service) = { auth: { access: AUTHENTICATED providers: "users" } };
  rpc Read(Ask) returns (Answer) {
    ${safe()} option (google.api.http) = { get: "/v1/guarded/{id}" };
    option (mesh.v1.method) = { auth: { scopes: "read" } };
  }
  rpc Meant(Ask) returns (Answer) { ${safe()} option (mesh.v1.method) = { auth: { audiences: "mirror" } }; }
  rpc Open(Ask) returns (Answer) { ${safe()} option (mesh.v1.method) = { auth: { access: PUBLIC } }; }
  rpc Greeted(Ask) returns (Answer) { ${safe()} option (mesh.v1.method) = { auth: { access: PUBLIC providers: "users" } }; }
  rpc Closed(Ask) returns (Answer) { ${safe()} option (mesh.v1.method) = { auth: { access: DENY } }; }
  rpc Own(Ask) returns (Answer) {
    ${safe()} option (mesh.v1.method) = { rate_limit: { name: "own" rate: "1/h" burst: 1 by: "principal" } };
  }
}

service Counted {
  option (mesh.v1.service) = {
    auth: { access: AUTHENTICATED providers: "users" }
    rate_limit: { name: "each" rate: "1/h" by: "principal" }
  };
  rpc Never(Ask) returns (Answer) { ${safe()} option (mesh.v1.method) = { auth: { access: DENY } }; }
  rpc Each(Ask) returns (Answer) { ${safe()} }
}

service Shared {
  option (mesh.v1.service) = {
    auth: { access: PUBLIC }
    rate_limit: { name: "all" rate: "1/h" burst: 2 }
  };
  rpc One(Ask) returns (Answer) { ${safe()} }
  rpc Other(Ask) returns (Answer) { ${safe()} }
}

message Ask { string id = 1; int32 count = 2; string text = 3; }
message Answer { string id = 1; int32 count = 2; string text = 3; }
`;

/** The same for callers with certificates. */
export const certified = `syntax = "proto3"; package mirror.v1; import "mesh/v1/options.proto";
service Certified {
  option (mesh.v1.service) = { auth: { access: AUTHENTICATED } };
  rpc Any(Ask) returns (Answer) { ${safe()} }
  rpc Read(Ask) returns (Answer) { ${safe()} option (mesh.v1.method) = { auth: { scopes: "read" } }; }
  rpc Write(Ask) returns (Answer) { ${safe()} option (mesh.v1.method) = { auth: { scopes: "write" } }; }
  rpc Meant(Ask) returns (Answer) { ${safe()} option (mesh.v1.method) = { auth: { audiences: "mirror" } }; }
  rpc Token(Ask) returns (Answer) { ${safe()} option (mesh.v1.method) = { auth: { providers: "users" } }; }
}
message Ask { string id = 1; int32 count = 2; string text = 3; }
message Answer { string id = 1; int32 count = 2; string text = 3; }
`;

function safe(): string {
  return "option idempotency_level = NO_SIDE_EFFECTS;";
}

/** The contract as each of the two sides takes it. */
export interface Mirrored {
  readonly specs: readonly ServiceSpec[];
  /** The configuration file of both. */
  readonly config: string;
  readonly envoy: string;
  readonly warnings: readonly string[];
  /** A signed token. */
  token(claims: { readonly [name: string]: unknown }, expires?: string): Promise<string>;
}

const issuer = "https://id.example.com";

const imageOf = (text: string) => compile({ "mirror.proto": text });
const registry = createFileRegistry(imageOf(mirror));

/** The services of a contract, by default of the one that most cases are for. */
export const contractSpecs = (text = mirror): readonly ServiceSpec[] =>
  servicesOf(toBinary(FileDescriptorSetSchema, imageOf(text)), [], () => {});

/** A message of the suite. */
export interface Message {
  readonly id?: string;
  readonly count?: number;
  readonly text?: string;
}

/** A message as the codecs of the specs take it. */
export const made = (typeName: string, message: Message) =>
  create(registry.getMessage(typeName) as DescMessage, message as object);

interface MirrorOptions {
  readonly port: number;
  readonly backend: number;
  /** The proto file. */
  readonly text?: string;
  /** A folder with certificates: TLS, and a provider that knows callers by them. Default: plain text. */
  readonly certificates?: string;
}

/** Writes the configuration, and the contract for Envoy at `port` in front of `backend`. */
export async function mirrored(
  specs: readonly ServiceSpec[],
  folder: string,
  { port, backend, text = mirror, certificates }: MirrorOptions,
): Promise<Mirrored> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = { ...(await exportJWK(publicKey)), kid: "one", alg: "ES256", use: "sig" };
  writeFileSync(join(folder, "keys.json"), JSON.stringify({ keys: [key] }));
  const config = join(folder, "mesh.yaml");
  const tls = ["cert_file: server.pem", "key_file: server.key", "client_ca_file: ca.pem"]
    .map((text) => text.replace(": ", `: ${certificates}`))
    .join(", ");
  // The first that fits counts, so the waiter may not write.
  const callers = `{ id: "spiffe://kitchen.test/waiter", scopes: [read] }, { id: "spiffe://kitchen.test/*", scopes: [read, write] }`;
  writeFileSync(
    config,
    `server: { listen: "127.0.0.1:${port}"${certificates ? `, tls: { ${tls} }` : ""} }
targets: [{ name: backend, address: "127.0.0.1:${backend}" }]
auth: { providers: [{ name: users, jwt: { issuer: "${issuer}", jwksFile: keys.json } }${certificates ? `, { name: mesh, mtls: { callers: [${callers}] } }` : ""}] }
gateway: { cors: { origins: ["https://app.example"] } }
`,
  );
  const outcome = run(requestFor(imageOf(text), ["mirror.proto"], `target=envoy,config=${config}`));
  if (outcome.errors.length > 0) throw new Error(outcome.errors.join("\n"));
  return {
    specs,
    config,
    envoy: outcome.files["envoy.yaml"] as string,
    warnings: outcome.warnings,
    token: (claims, expires = "5m") =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: "ES256", kid: "one" })
        .setIssuer(issuer)
        .setSubject((claims.sub as string | undefined) ?? "ada")
        .setExpirationTime(expires)
        .sign(privateKey),
  };
}
