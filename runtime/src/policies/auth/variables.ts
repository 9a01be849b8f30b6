import type { Principal } from "../../core/call.ts";
import type { AuthVariables } from "../../core/spec.ts";

type Claims = AuthVariables["claims"];

const copies = new WeakMap<object, Claims>();

/**
 * A caller as rules see it. Claims are JSON, whatever a provider says: what JSON cannot hold is left out, and objects
 * have no prototype, so that no rule finds a claim that nobody made.
 */
export function variablesOf({ subject, provider, scopes, audiences, claims }: Principal): AuthVariables {
  return { sub: subject, provider, scopes, audiences, claims: copyOf(claims) };
}

/** One copy per object that is frozen all through, as `jwt` hands them out; others may change from call to call. */
function copyOf(claims: Claims): Claims {
  const known = copies.get(claims);
  if (known) return known;
  const copy = record(claims);
  if (isFrozen(claims)) copies.set(claims, copy);
  return copy;
}

function record(source: object): Claims {
  const copy: { [name: string]: unknown } = Object.create(null);
  for (const [name, value] of Object.entries(source)) {
    const json = jsonOf(value);
    if (json !== undefined) copy[name] = json;
  }
  return copy;
}

function jsonOf(value: unknown): unknown {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value !== "object") return undefined;
  if (Array.isArray(value)) return value.map(jsonOf).filter((item) => item !== undefined);
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype ? record(value) : undefined;
}

const isFrozen = (value: unknown): boolean =>
  typeof value !== "object" || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen));
