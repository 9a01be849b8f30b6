import type { MethodSpec } from "./spec.ts";

const pattern = /^(?:\*|[A-Za-z_][\w.]*(?:\.\*|\/\w+)?)$/;

/**
 * Whether methods fit one of the patterns: `*` is every method, `shop.v1.*` those of a package and the packages below,
 * `shop.v1.Orders` those of a service, `shop.v1.Orders/GetOrder` one.
 *
 * Throws a TypeError when a pattern is none of these.
 */
export function methodMatcher(patterns: readonly string[]): (method: MethodSpec) => boolean {
  for (const one of patterns) {
    if (!pattern.test(one)) {
      throw new TypeError(
        `${JSON.stringify(one)} names no methods: write "*", "shop.v1.*", "shop.v1.Orders" or "shop.v1.Orders/GetOrder"`,
      );
    }
  }
  return ({ path }) => patterns.some((one) => fits(one, path.slice(1)));
}

function fits(one: string, path: string): boolean {
  if (one === "*") return true;
  if (one.endsWith(".*")) return path.startsWith(one.slice(0, -1));
  return path === one || path.startsWith(`${one}/`);
}
