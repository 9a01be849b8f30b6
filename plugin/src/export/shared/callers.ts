import type { Named } from "./access.ts";

/** Callers by certificate that are let in. */
export interface Caller {
  /** A SPIFFE id; ending in `/*`, all ids below it. */
  readonly id: string;
  /** Ids among them that are not let in: the configuration has them before, with fewer scopes. */
  readonly except: readonly string[];
}

/** Who has all scopes: of a configuration's callers the first that fits a certificate counts. */
export function callersWith(providers: readonly Named<"mtls">[], scopes: readonly string[]): Caller[] {
  const all = providers.flatMap(({ callers }) => callers);
  return all.flatMap(({ id, scopes: own }, index) => {
    if (!scopes.every((scope) => own.includes(scope))) return [];
    const before = all.slice(0, index);
    if (before.some((earlier) => covers(earlier.id, id))) return [];
    return [{ id, except: before.map((earlier) => earlier.id).filter((earlier) => covers(id, earlier)) }];
  });
}

/** Whether an id or pattern has all that another has. */
const covers = (outer: string, inner: string): boolean =>
  outer === inner || (outer.endsWith("/*") && inner.startsWith(outer.slice(0, -1)));
