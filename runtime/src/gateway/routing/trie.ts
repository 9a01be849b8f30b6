import type { Route } from "../../core/spec.ts";
import { decode } from "./path.ts";

/** What was found for a request: a route, or why there is none. */
export type Lookup<T> =
  | { readonly kind: "found"; readonly value: T; readonly segments: readonly string[] }
  /** Some route has the path, none the method. `allowed` lists theirs. */
  | { readonly kind: "method"; readonly allowed: ReadonlySet<string> }
  /** A route matches, but a segment has a malformed escape. */
  | { readonly kind: "malformed" }
  | { readonly kind: "none" };

/** A place in the trie: what the segments so far can be followed by. */
interface Node<T> {
  /** By decoded text. */
  readonly literals: Map<string, Node<T>>;
  /** After a segment that `*` took. */
  any?: Node<T>;
  /** After the segments that `**` took. */
  rest?: Node<T>;
  /** How many segments templates have after the `**`, longest first. */
  restLengths: readonly number[];
  /** Routes that end here: by verb ("" for none), then by HTTP method. */
  readonly ends: Map<string, Map<string, T>>;
}

const newNode = <T>(): Node<T> => ({ literals: new Map<string, Node<T>>(), restLengths: [], ends: new Map() });

/**
 * Finds the most specific route of a path: leftmost first, a literal before `*` before `**`, a named HTTP method
 * before `*`. It goes back to a wildcard when the more specific branch has no route for the rest of the path or for
 * the method. A node is visited once per segment it could stand for, and templates fix that, so the work of a lookup
 * is bounded by the size of the trie and linear in the length of the path.
 */
export class Trie<T> {
  readonly #root: Node<T> = newNode<T>();
  readonly #verbs = new Set<string>();

  /** Adds a route. Returns what is already there when no request could tell the two apart. */
  add(route: Route, value: T): T | undefined {
    let node: Node<T> = this.#root;
    for (const [index, segment] of route.segments.entries()) {
      if (segment === "*") node = node.any ??= newNode<T>();
      else if (segment === "**") {
        const length = route.segments.length - index - 1;
        node.restLengths = [...new Set([...node.restLengths, length])].sort((a, b) => b - a);
        node = node.rest ??= newNode<T>();
      } else node = child(node.literals, decodeURIComponent(segment), newNode<T>);
    }
    const verb = decodeURIComponent(route.verb ?? "");
    if (verb) this.#verbs.add(verb);
    const methods = child(node.ends, verb, () => new Map<string, T>());
    const earlier = methods.get(route.method);
    if (earlier === undefined) methods.set(route.method, value);
    return earlier;
  }

  /** Looks up the segments of a path as they were sent. */
  find(method: string, segments: readonly string[]): Lookup<T> {
    const texts = decodeAll(segments);
    const search: Search = { texts, verb: "", method, allowed: undefined };

    // The last colon separates a verb when a route has that verb here; otherwise it belongs to the value.
    const last = this.#verbs.size === 0 ? "" : (segments.at(-1) ?? "");
    const colon = last.lastIndexOf(":");
    const verb = colon > 0 ? decode(last.slice(colon + 1)) : undefined;
    if (verb !== undefined && this.#verbs.has(verb)) {
      const before = last.slice(0, colon);
      const own: Search = { ...search, texts: texts.with(-1, decode(before)), verb };
      const value = walk(this.#root, 0, own);
      if (value !== undefined) return found(value, segments.with(-1, before), own.texts);
      search.allowed = own.allowed;
    }
    const value = walk(this.#root, 0, search);
    if (value !== undefined) return found(value, segments, texts);
    return search.allowed ? { kind: "method", allowed: search.allowed } : { kind: "none" };
  }
}

/** Most paths have no escapes, and are what they stand for. */
const decodeAll = (segments: readonly string[]): readonly (string | undefined)[] =>
  segments.some((segment) => segment.includes("%")) ? segments.map(decode) : segments;

const found = <T>(value: T, segments: readonly string[], texts: readonly (string | undefined)[]): Lookup<T> =>
  texts !== segments && texts.includes(undefined) ? { kind: "malformed" } : { kind: "found", value, segments };

interface Search {
  /** Decoded; undefined when malformed, so that no literal is equal to it. */
  readonly texts: readonly (string | undefined)[];
  readonly verb: string;
  readonly method: string;
  /** The methods of routes that have the path and another method; undefined while there are none. */
  allowed: Set<string> | undefined;
}

function walk<T>(node: Node<T>, at: number, search: Search): T | undefined {
  const { texts } = search;
  let value: T | undefined;
  if (at === texts.length) value = pick(node.ends.get(search.verb), search);
  else {
    const literal = node.literals.get(texts[at] ?? "");
    if (literal) value = walk(literal, at + 1, search);
    if (value === undefined && node.any) value = walk(node.any, at + 1, search);
  }
  if (value !== undefined || !node.rest) return value;
  for (const length of node.restLengths) {
    if (texts.length - length < at) continue;
    value = walk(node.rest, texts.length - length, search);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** The route for a method among those of one path. A GET route answers HEAD too. */
function pick<T>(methods: ReadonlyMap<string, T> | undefined, search: Search): T | undefined {
  if (!methods) return undefined;
  const { method } = search;
  const value = methods.get(method) ?? (method === "HEAD" ? methods.get("GET") : undefined) ?? methods.get("*");
  if (value === undefined) search.allowed = new Set([...(search.allowed ?? []), ...methods.keys()]);
  return value;
}

function child<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}
