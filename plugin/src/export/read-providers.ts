import { createPublicKey } from "node:crypto";
import type { AuthProvider, JwtProvider, Place } from "@protomesh/runtime/config";
import type { Provider } from "./deployment.ts";

/** A verifier of credentials; undefined where no other enforcement point can do the same, which is reported. */
export function providerOf({ kind }: AuthProvider, place: Place, lose: (text: string) => void): Provider | undefined {
  switch (kind.case) {
    case "jwt":
      return jwtOf(kind.value, place.at("jwt"), lose);
    case "apiKey":
      return { kind: "api_key", header: kind.value.header ?? "x-api-key" };
    case "mtls": {
      const callers = kind.value.callers.map(({ id, scopes }) => ({ id, scopes }));
      return { kind: "mtls", ids: callers.map(({ id }) => id), callers };
    }
    case undefined:
      throw place.error("", "says no kind: add jwt, apiKey or mtls");
  }
}

function jwtOf(config: JwtProvider, place: Place, lose: (text: string) => void): Provider | undefined {
  if (config.keys.case === "secretFile") {
    lose("is not exported, for the secret would be in what is written: callers that it knows are refused there");
    return undefined;
  }
  if (config.algorithms.length > 0)
    lose("accepts the algorithms of its keys where it is exported, not only those of `algorithms`");
  return {
    kind: "jwt",
    issuer: config.issuer,
    audiences: config.audiences,
    jwksUri: config.keys.case === "jwksUri" ? config.keys.value : undefined,
    jwks: jwksOf(config.keys, place),
    clockSkewSeconds: Math.round((place.duration("clockSkew", config.clockSkew) ?? 60_000) / 1000),
    subjectClaim: config.subjectClaim ?? "sub",
    scopesClaim: config.scopesClaim ?? "scope",
  };
}

/** The keys of a file as a JSON Web Key Set in one line; what the file says is checked where the configuration is read. */
function jwksOf(keys: JwtProvider["keys"], place: Place): string | undefined {
  switch (keys.case) {
    case "jwksFile":
      return JSON.stringify(JSON.parse(place.read("jwksFile", keys.value).toString()));
    case "publicKeyFile":
      return JSON.stringify({
        keys: [createPublicKey(place.read("publicKeyFile", keys.value)).export({ format: "jwk" })],
      });
    default:
      return undefined;
  }
}
