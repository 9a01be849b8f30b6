/**
 * CEL's `in` for a claim, which may be anything: whether a list has the value, or an object the key. Undefined for any
 * other claim, where CEL has an error. For generated code.
 */
export function claimHas(claim: unknown, value: string | number | boolean): boolean | undefined {
  if (Array.isArray(claim)) return claim.includes(value);
  if (typeof claim !== "object" || claim === null) return undefined;
  // A key with null is no key to @bufbuild/cel, and the two must agree.
  return (
    typeof value === "string" && Object.hasOwn(claim, value) && (claim as { [key: string]: unknown })[value] != null
  );
}

/** The claim at a path, undefined where there is none: then CEL has an error. For generated code. */
export function claimAt(claims: unknown, ...path: readonly string[]): unknown {
  let found = claims;
  for (const name of path) {
    if (typeof found !== "object" || found === null || Array.isArray(found) || !Object.hasOwn(found, name))
      return undefined;
    found = (found as { [key: string]: unknown })[name];
  }
  return found;
}
