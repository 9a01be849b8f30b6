import type { MethodSpec } from "../core/spec.ts";
import type { AuthConfig, MethodPolicy } from "../policies/index.ts";

/** A meaning that became wider, by the option that says it. */
export interface Widened {
  readonly option: "auth" | "cache";
  readonly text: string;
}

/**
 * Where a policy allows more than the one that the proto files resolve to: what a configuration must not do, because nobody
 * reviews it with the API.
 */
export function widenings(before: MethodSpec["policy"], after: MethodSpec["policy"]): Widened[] {
  const auth = authWidening((before as MethodPolicy).auth ?? closed, (after as MethodPolicy).auth ?? closed);
  const { cache } = after as MethodPolicy;
  const vary = cache && varyWidening((before as MethodPolicy).cache?.vary ?? [], cache.vary);
  return [
    ...(auth === undefined ? [] : [{ option: "auth" as const, text: auth }]),
    ...(vary === undefined ? [] : [{ option: "cache" as const, text: vary }]),
  ];
}

/** A method without auth policy. */
const closed: AuthConfig = { access: "DENY", providers: [], scopes: [], audiences: [] };

/** From open to closed. */
const accesses: readonly AuthConfig["access"][] = ["PUBLIC", "AUTHENTICATED", "DENY"];

function authWidening(before: AuthConfig, after: AuthConfig): string | undefined {
  if (after.access === "DENY") return undefined;
  if (accesses.indexOf(after.access) < accesses.indexOf(before.access))
    return `access is ${before.access} in the proto file, and may only become narrower: ${after.access} is wider`;
  const lost = before.scopes.filter((scope) => !after.scopes.includes(scope));
  if (lost.length > 0) return `scopes may only grow: add ${lost.join(", ")}, which the proto file asks for`;
  if (after.rule !== before.rule) return "rule is code of the API, and cannot be dropped";
  for (const key of ["providers", "audiences"] as const) {
    if (before[key].length === 0) continue;
    const added = after[key].filter((one) => !before[key].includes(one));
    if (added.length > 0 || after[key].length === 0)
      return `${key} may only shrink: the proto file allows ${before[key].join(", ")}${added.length > 0 ? `, not ${added.join(", ")}` : ""}`;
  }
  return undefined;
}

/** Replies are told apart at least as well as before: no key goes, and none comes that stands for more than it says. */
function varyWidening(before: readonly string[], after: readonly string[]): string | undefined {
  const lost = before.filter((key) => !after.includes(key));
  if (lost.length > 0) return `vary may only grow: add ${lost.join(", ")}, which the proto file names`;
  const isField = (key: string) => key.startsWith("field:");
  const isCaller = (key: string) => key === "principal" || key.startsWith("claim:") || key === "all";
  for (const key of after.filter((one) => !before.includes(one))) {
    if (isField(key) && !before.some(isField))
      return `vary would tell replies apart by ${key} instead of the whole request: say so in the proto file`;
    if (key === "all" || (isCaller(key) && !before.some(isCaller)))
      return `vary would tell replies apart by ${key} instead of who calls: say so in the proto file`;
  }
  return undefined;
}
