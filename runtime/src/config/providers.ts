import type { AuthProvider } from "../core/policy.ts";
import { apiKeys, type JwtOptions, jwt, mtls } from "../policies/auth.ts";
import type {
  ApiKeyProvider,
  AuthConfig,
  AuthProvider as AuthProviderConfig,
  JwtProvider,
} from "./gen/mesh/v1/config_pb.ts";
import type { Place } from "./place.ts";

/** Who can verify callers, by name. */
export function providersOf({ providers }: AuthConfig, place: Place): { readonly [name: string]: AuthProvider } {
  const byName = new Map<string, AuthProvider>();
  providers.forEach((provider, index) => {
    const here = place.at(`[${index}]`);
    here.required({ name: provider.name });
    if (byName.has(provider.name))
      throw here.error("name", `${JSON.stringify(provider.name)} is taken: names must differ`);
    byName.set(provider.name, create(provider, here));
  });
  return Object.fromEntries(byName);
}

function create({ kind }: AuthProviderConfig, place: Place): AuthProvider {
  switch (kind.case) {
    case "jwt":
      return built(place.at("jwt"), () => jwt(jwtOptions(kind.value, place.at("jwt"))));
    case "apiKey":
      return built(place.at("apiKey"), () => apiKeys(apiKeyOptions(kind.value)));
    case "mtls":
      return built(place.at("mtls"), () =>
        mtls({ callers: kind.value.callers.map(({ id, scopes }) => ({ id, scopes })) }),
      );
    case undefined:
      throw place.error("", "says no kind: add jwt, apiKey or mtls");
  }
}

/** The factories name the option at fault; the file and the provider are named here. */
function built(place: Place, create: () => AuthProvider): AuthProvider {
  try {
    return create();
  } catch (error) {
    throw error instanceof TypeError ? place.error("", error.message.replace(/^\w+: /, ""), error) : error;
  }
}

function jwtOptions(config: JwtProvider, place: Place): JwtOptions {
  const clockSkewMs = place.duration("clockSkew", config.clockSkew);
  return {
    issuer: config.issuer,
    ...keysOf(config.keys, place),
    ...(config.audiences.length > 0 && { audiences: config.audiences }),
    ...(config.algorithms.length > 0 && { algorithms: config.algorithms }),
    ...(clockSkewMs !== undefined && { clockSkewMs }),
    ...(config.subjectClaim !== undefined && { subjectClaim: config.subjectClaim }),
    ...(config.scopesClaim !== undefined && { scopesClaim: config.scopesClaim }),
  };
}

function keysOf(
  keys: JwtProvider["keys"],
  place: Place,
): Pick<JwtOptions, "jwksUri" | "jwks" | "publicKey" | "secret"> {
  switch (keys.case) {
    case "jwksUri":
      return { jwksUri: keys.value };
    case "jwksFile":
      return { jwks: jwksOf(place.read("jwksFile", keys.value), keys.value, place) };
    case "publicKeyFile":
      return { publicKey: place.read("publicKeyFile", keys.value).toString() };
    case "secretFile":
      return { secret: place.read("secretFile", keys.value) };
    case undefined:
      throw place.error("", "says no keys: add jwksUri, jwksFile, publicKeyFile or secretFile");
  }
}

function jwksOf(bytes: Buffer, name: string, place: Place): NonNullable<JwtOptions["jwks"]> {
  let jwks: Partial<NonNullable<JwtOptions["jwks"]>> | null | undefined;
  try {
    jwks = JSON.parse(bytes.toString());
  } catch {
    // Reported like other JSON that is no key set; the parser's text would quote what may be a secret.
  }
  if (!Array.isArray(jwks?.keys)) throw place.error("jwksFile", `${name} is not a JSON Web Key Set: { "keys": [...] }`);
  return { keys: jwks.keys };
}

const apiKeyOptions = ({ header, keys }: ApiKeyProvider) => ({
  ...(header !== undefined && { header }),
  keys: keys.map(({ sha256, subject, scopes, audiences }) => ({ sha256, subject, scopes, audiences })),
});
