import type { MethodContract } from "../../contract/contract.ts";
import type { Deployment } from "../deployment.ts";
import { type Access, accessOf, hasKeys, type Named, uncheckedText } from "../shared/access.ts";
import type { Losses } from "../shared/losses.ts";
import { keysCluster } from "./keys.ts";
import { extension, filterNames, type Part } from "./part.ts";
import { type Known, principalsOf } from "./principals.ts";

/** Who may call: tokens by jwt_authn, everything else by rbac. Source: envoy.extensions.filters.http.{jwt_authn,rbac}.v3. */
export class Auth {
  readonly #requirements = new Map<string, Part>();
  readonly #providers = new Map<string, Named<"jwt">>();
  readonly #deployment: Deployment;
  readonly #losses: Losses;
  #anybodyRefused = false;

  constructor(deployment: Deployment, losses: Losses) {
    this.#deployment = deployment;
    this.#losses = losses;
  }

  /** What a method's route says to both filters. */
  of(method: MethodContract): Part {
    const access = accessOf(method.policy.auth, this.#deployment);
    if (method.policy.auth?.rule !== undefined)
      this.#losses.add(method, "auth.rule", "is not checked by Envoy, which reads no requests: the server must");
    if (access.kind === "nobody") return this.#only([]);
    if (access.kind === "everybody") {
      if (access.unchecked.length > 0) this.#losses.add(method, "auth.providers", uncheckedText("Envoy", access));
      return this.#tokens(access.jwt, true);
    }
    this.#report(method, access);
    const principals = principalsOf(access);
    const certificates = access.mtls.length > 0;
    return { ...this.#tokens(access.jwt, certificates), ...this.#only(principals) };
  }

  filters(): Part[] {
    const jwt = {
      providers: Object.fromEntries([...this.#providers].map(([name, provider]) => [name, providerOf(provider)])),
      requirement_map: Object.fromEntries(this.#requirements),
    };
    return [
      ...(this.#requirements.size > 0
        ? [{ name: filterNames.jwt, typed_config: extension("filters.http.jwt_authn.v3.JwtAuthentication", jwt) }]
        : []),
      ...(this.#anybodyRefused
        ? [{ name: filterNames.rbac, typed_config: extension("filters.http.rbac.v3.RBAC") }]
        : []),
    ];
  }

  /** Where the keys of tokens come from. */
  clusters(): Part[] {
    return [...this.#providers.values()].flatMap(({ name, jwksUri }) =>
      jwksUri === undefined ? [] : [keysCluster(name, jwksUri)],
    );
  }

  #tokens(all: readonly Named<"jwt">[], mayBeMissing: boolean): Part {
    const providers = all.filter(hasKeys);
    if (providers.length === 0) return {};
    for (const provider of providers) this.#providers.set(provider.name, provider);
    const requirements: Part[] = providers.map(({ name }) => ({ provider_name: name }));
    if (mayBeMissing) requirements.push({ allow_missing: {} });
    const name = `${providers.map((one) => one.name).join(" or ")}${mayBeMissing ? " or none" : ""}`;
    const [first] = requirements;
    this.#requirements.set(name, requirements.length === 1 ? (first as Part) : { requires_any: { requirements } });
    return {
      [filterNames.jwt]: extension("filters.http.jwt_authn.v3.PerRouteConfig", { requirement_name: name }),
    };
  }

  #only(principals: readonly Part[]): Part {
    this.#anybodyRefused = true;
    const policies = principals.length === 0 ? {} : { callers: { permissions: [{ any: true }], principals } };
    return {
      [filterNames.rbac]: extension("filters.http.rbac.v3.RBACPerRoute", {
        rbac: { rules: { action: "ALLOW", policies } },
      }),
    };
  }

  #report(method: MethodContract, access: Known): void {
    const lose = (text: string) => this.#losses.add(method, "auth.providers", text);
    for (const { name } of access.apiKey)
      lose(`Envoy cannot check hashed keys: callers that only ${name} knows are refused, let them by another way`);
    for (const name of access.missing)
      lose(`the configuration has no provider ${name} that can be exported: callers that only it knows are refused`);
    if (this.#deployment.listener?.tls?.clientCaFile === undefined)
      for (const { name } of access.mtls)
        lose(
          `Envoy asks for no certificates without server.tls.client_ca_file: callers that only ${name} knows are refused`,
        );
    if (isEmpty(access)) lose("no provider is known, so Envoy refuses every call: name them by config=<path>");
  }
}

const isEmpty = ({ jwt, mtls, apiKey, missing }: Extract<Access, { kind: "known" }>): boolean =>
  jwt.length + mtls.length + apiKey.length + missing.length === 0;

function providerOf({ name, issuer, audiences, jwks, jwksUri, clockSkewSeconds }: Named<"jwt">): Part {
  return {
    issuer,
    ...(audiences.length > 0 && { audiences }),
    ...(jwks === undefined
      ? {
          remote_jwks: {
            http_uri: { uri: jwksUri, cluster: `keys of ${name}`, timeout: "5s" },
            cache_duration: "600s",
            async_fetch: { fast_listener: true },
          },
        }
      : { local_jwks: { inline_string: jwks } }),
    // Not by a query parameter, which Envoy would take too.
    from_headers: [{ name: "authorization", value_prefix: "Bearer " }],
    forward: true,
    require_expiration: true,
    // 0 is Envoy's default, a minute.
    clock_skew_seconds: Math.max(1, clockSkewSeconds),
    payload_in_metadata: name,
  };
}
