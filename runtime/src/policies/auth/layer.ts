import type { Call, Principal } from "../../core/call.ts";
import { decided } from "../../core/decision.ts";
import { RpcError } from "../../core/error.ts";
import type { Handler, Layer } from "../../core/layer.ts";
import type { AuthProvider, Site } from "../../core/policy.ts";
import { refusal } from "../../core/refusal.ts";
import type { AuthConfig } from "./config.ts";
import { denied, unauthenticated } from "./refuse.ts";

/** Says who calls, and lets only those pass who may. A method without an auth policy lets nobody pass. */
export function admitCallers(config: AuthConfig, site: Site): Layer | undefined {
  const { path } = site.method;
  if (config.access === "DENY") {
    const deny = denied(`${path} admits nobody: set auth.access to AUTHENTICATED or PUBLIC in its mesh.v1 options`);
    return () => () => {
      decided("auth", "denied", path);
      return Promise.reject(deny);
    };
  }
  const optional = config.access === "PUBLIC";
  if (optional && config.providers.length === 0) return undefined;

  const identify = identifyBy(providersOf(config, site));
  const objection = authorise(config, path);
  const missing = unauthenticated(`${path} needs credentials, and the call has none`);
  const admit = (next: Handler, call: Call, principal: Principal | undefined): Promise<unknown> => {
    if (!principal) {
      if (optional) return next(call);
      decided("auth", "unauthenticated", path);
      return Promise.reject(missing);
    }
    const against = objection(principal);
    if (!against) return next({ ...call, principal });
    decided("auth", "denied", path);
    return Promise.reject(against);
  };
  const failed = (error: unknown): unknown => {
    decided("auth", rejected(error) ? "unauthenticated" : "providerFailed", path);
    return ours(error);
  };

  return (next) => (call) => {
    let found: Found;
    try {
      found = identify(call);
    } catch (error) {
      return Promise.reject(failed(error));
    }
    if (!isPromise(found)) return admit(next, call, found);
    return found.then(
      (principal) => {
        const gone = call.cancellation?.reason;
        if (gone) throw gone;
        return admit(next, call, principal);
      },
      (error) => {
        throw failed(error);
      },
    );
  };
}

type Found = Principal | undefined | Promise<Principal | undefined>;

const isPromise = (found: Found): found is Promise<Principal | undefined> =>
  typeof (found as { then?: unknown } | undefined)?.then === "function";

interface Named {
  readonly name: string;
  readonly provider: AuthProvider;
}

/** The providers of a method. Throws when one is not configured, or none is. */
function providersOf({ providers }: AuthConfig, { method, authProviders }: Site): Named[] {
  const known = [...authProviders.keys()];
  if (known.length === 0) {
    throw new Error(`${method.path} needs authenticated callers, but the server has no auth provider: configure one`);
  }
  return (providers.length > 0 ? providers : known).map((name) => {
    const provider = authProviders.get(name);
    if (provider) return { name, provider };
    throw new Error(
      `${method.path} names the auth provider "${name}", which the server does not have: configure it, or name one of ${known.join(", ")}`,
    );
  });
}

/**
 * Asks one provider after the other until one knows the caller. A credential that one of them rejects may still be
 * another's, so the first rejection counts only when none knows better.
 */
function identifyBy(providers: readonly Named[]): (call: Call) => Found {
  const ask = (call: Call, from: number, before: unknown): Found => {
    let failure = before;
    for (let n = from; n < providers.length; n++) {
      const { name, provider } = providers[n] as Named;
      let found: Found;
      try {
        found = provider.authenticate(call);
      } catch (error) {
        failure = graver(failure, error);
        continue;
      }
      if (isPromise(found)) {
        return found.then(
          (principal) => (principal ? named(principal, name) : ask(call, n + 1, failure)),
          (error) => ask(call, n + 1, graver(failure, error)),
        );
      }
      if (found) return named(found, name);
    }
    if (failure !== undefined) throw failure;
    return undefined;
  };
  return (call) => ask(call, 0, undefined);
}

/** Policies and logs know a provider by the name that the server gave it. */
function named(principal: Principal, provider: string): Principal {
  const { subject, scopes, audiences } = principal;
  // The text "not-admin" includes "admin", and undefined is no user's name: a wrong type must not pass for a permission.
  if (typeof subject !== "string" || !areTexts(scopes) || !areTexts(audiences)) {
    throw new TypeError(
      `the auth provider "${provider}" returned a principal whose subject is no string, or whose scopes or audiences are no list of strings: correct it`,
    );
  }
  return principal.provider === provider ? principal : { ...principal, provider };
}

const areTexts = (list: unknown): boolean => Array.isArray(list) && list.every((item) => typeof item === "string");

const rejected = (error: unknown) => error instanceof RpcError && error.code === "UNAUTHENTICATED";

/** A provider that could not decide says more than one that said no. */
const graver = (one: unknown, other: unknown): unknown =>
  one === undefined || (rejected(one) && !rejected(other)) ? other : one;

/** Marks a status that a provider threw as a refusal of this policy; anything else is a fault and stays one. */
function ours(error: unknown): unknown {
  if (!(error instanceof RpcError) || error.refusedBy !== undefined) return error;
  const { code, text, details, metadata } = error;
  return refusal(code, text, { details, cause: error, refusedBy: "auth", ...(metadata && { metadata }) });
}

/** What speaks against a known caller, if anything. */
function authorise({ scopes, audiences }: AuthConfig, path: string): (principal: Principal) => RpcError | undefined {
  const scopeless = scopes.map((scope) => ({ scope, error: denied(`${path} needs the scope ${scope}`) }));
  const elsewhere = denied(
    `${path} needs a credential that is meant for it: one with the audience ${audiences.join(" or ")}`,
  );
  return (principal) => {
    for (const { scope, error } of scopeless) if (!principal.scopes.includes(scope)) return error;
    if (audiences.length > 0 && !audiences.some((one) => principal.audiences.includes(one))) return elsewhere;
    return undefined;
  };
}
