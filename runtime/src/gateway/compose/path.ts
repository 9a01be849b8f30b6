import type { Route } from "../../core/spec.ts";
import { decode } from "../routing/path.ts";

/** The route of a composition, and the variables of its path by their segments. */
export interface ComposedPath {
  readonly route: Route;
  readonly variables: readonly (readonly [name: string, segment: number])[];
}

/** Reads a path such as `/v1/product-page/{id}`. Throws a TypeError; `where` names the composition. */
export function composedPath(path: string, where: string): ComposedPath {
  const segments: string[] = [];
  const variables: (readonly [string, number])[] = [];
  for (const [index, part] of String(path).replace(/^\//, "").split("/").entries()) {
    const name = /^\{([A-Za-z_]\w*)\}$/.exec(part)?.[1];
    const literal = /^[^{}*?#\s]+$/.test(part) ? decode(part) : undefined;
    if (!String(path).startsWith("/") || (name === undefined && literal === undefined))
      throw new TypeError(
        `${where}: get is ${JSON.stringify(path)}: write a path of texts and variables, such as "/v1/product-page/{id}"`,
      );
    if (name !== undefined && variables.some(([other]) => other === name))
      throw new TypeError(`${where}: get has the variable {${name}} twice: give each its own name`);
    if (name !== undefined) variables.push([name, index]);
    segments.push(name === undefined ? encodeURIComponent(literal as string) : "*");
  }
  return { route: { method: "GET", template: path, segments, variables: [] }, variables };
}
