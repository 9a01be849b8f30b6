import type { Route } from "../../core/spec.ts";
import type { Endpoint } from "../endpoint.ts";
import { HttpError } from "../errors.ts";
import type { Mount } from "../mount.ts";
import { HostTable, hostOf, hostPattern } from "./hosts.ts";
import { decode, maxSegments, splitPath, splitTarget } from "./path.ts";
import { isPrefix, prefixHelp, prefixSegments } from "./prefix.ts";
import { Trie } from "./trie.ts";

/** What a request asks for: the route that matched, and what it needs of the request line. */
export interface Matched {
  readonly endpoint: Endpoint;
  /** As they were sent, without the prefix of the service and without the verb. */
  readonly segments: readonly string[];
  readonly query: string;
}

/** What becomes of a request: a call, a handler's, a redirect, a refusal, or the answer to OPTIONS, which is a header alone. */
export type Destination =
  | ({ readonly kind: "call"; readonly template: string } & Matched)
  | Mount
  | { readonly kind: "redirect"; readonly location: string; readonly template: string }
  | { readonly kind: "refusal"; readonly error: HttpError; readonly allowed?: readonly string[] }
  | { readonly kind: "options"; readonly allow: string };

/** What becomes of a path with a slash at its end that has a route without it. */
export type TrailingSlash = "ignore" | "strict" | "redirect";

/** Where the routes of a service begin. */
export interface RoutePlace {
  /** Default: every host. */
  readonly host?: string | undefined;
  /** Default: none. */
  readonly prefix?: string | undefined;
}

const refusal = (status: number, code: "NOT_FOUND" | "INVALID_ARGUMENT", text: string): Destination => ({
  kind: "refusal",
  error: new HttpError(status, code, text),
});
// Made once: a flood of bad requests must not pay for stack traces.
const notFound = refusal(404, "NOT_FOUND", "no route has this path");
const malformed = refusal(400, "INVALID_ARGUMENT", "the path has a malformed percent escape: write % as %25");
const tooLong = refusal(400, "INVALID_ARGUMENT", `the path has more than ${maxSegments} segments`);

/** A route in its place. */
interface Placed {
  readonly kind: "route";
  readonly endpoint: Endpoint;
  /** How many segments belong to the prefix. */
  readonly skip: number;
  /** With the prefix. */
  readonly template: string;
}

type Entry = Placed | Mount;
type Table = Trie<Entry>;

/** The routes of all services of a gateway, and the handlers beside them. */
export class Router {
  readonly #hosts = new HostTable<Table>();
  /** Longest path first. */
  #mounts: readonly Mount[] = [];
  readonly #slash: TrailingSlash;

  constructor(slash: TrailingSlash = "ignore") {
    if (!["ignore", "strict", "redirect"].includes(slash))
      throw new TypeError(`trailingSlash is ${JSON.stringify(slash)}: use "ignore", "strict" or "redirect"`);
    this.#slash = slash;
  }

  /** Adds a route. Throws when another one matches the same requests. */
  add(endpoint: Endpoint, { host, prefix = "/" }: RoutePlace = {}): void {
    const { route, method } = endpoint;
    if (!isPrefix(prefix))
      throw new TypeError(`${method.path}: prefix is ${JSON.stringify(prefix)}: ${prefixHelp("it")}`);
    const before = prefixSegments(prefix);
    const template = before.length === 0 ? route.template : prefix.replace(/\/$/, "") + route.template;
    const segments = before.length === 0 ? route.segments : [...before, ...route.segments];
    this.#put(host, { ...route, segments }, { kind: "route", endpoint, skip: before.length, template }, method.path);
  }

  /** Adds a handler for everything below its path that no route is more specific for. Throws when there is one already. */
  mount(mount: Mount): void {
    const route = {
      method: "*",
      template: `${mount.path}/**`,
      segments: [...prefixSegments(mount.path), "**"],
      variables: [],
    };
    this.#put(mount.options.host, route, mount, "the mounted handler");
    this.#mounts = [...this.#mounts, mount].sort((a, b) => b.path.length - a.path.length);
  }

  #put(host: string | undefined, route: Route, entry: Entry, what: string): void {
    const pattern = host === undefined ? undefined : hostPattern(host, what);
    const table = this.#hosts.at(pattern, () => new Trie<Entry>());
    const earlier = table.add(route, entry);
    if (!earlier) return;
    const on = pattern === undefined ? "" : ` on ${pattern}`;
    throw new Error(
      `${nameOf(entry)} matches the same requests as ${nameOf(earlier)}${on}: change one of them, give one a prefix or a host, or serve them by two gateways`,
    );
  }

  /** Where a request goes, by its method and target, and the host that it names. */
  find(method: string, target: string, host?: string): Destination {
    const { path, query } = splitTarget(target);
    const tables = this.#tables(target, host);
    const segments = splitPath(path);
    if (!segments) return this.#covering(path, target, host) ?? notFound;
    if (segments.length > maxSegments) return tooLong;
    let allowed: Set<string> | undefined;
    for (const table of tables) {
      const found = table.find(method, segments);
      if (found.kind === "malformed") return malformed;
      if (found.kind === "method") allowed = new Set([...(allowed ?? []), ...found.allowed]);
      if (found.kind !== "found") continue;
      if (found.value.kind === "mount") return found.value;
      const { endpoint, skip, template } = found.value;
      if (this.#slash !== "ignore" && path.length > 1 && path.endsWith("/")) {
        if (this.#slash === "strict") return this.#covering(path, target, host) ?? notFound;
        const location = path.slice(0, -1) + (target.includes("?") ? `?${query}` : "");
        return { kind: "redirect", location, template };
      }
      return {
        kind: "call",
        endpoint,
        template,
        segments: skip === 0 ? found.segments : found.segments.slice(skip),
        query,
      };
    }
    if (!allowed) return segments.some((segment) => decode(segment) === undefined) ? malformed : notFound;
    const allow = allowHeader(allowed);
    if (method === "OPTIONS") return { kind: "options", allow };
    const text = `the path is not served with ${method}: use one of ${allow}`;
    return {
      kind: "refusal",
      error: new HttpError(405, "UNIMPLEMENTED", text, { headers: { allow } }),
      allowed: allow.split(", "),
    };
  }

  #tables(target: string, host: string | undefined): readonly Table[] {
    return this.#hosts.plain ? this.#hosts.everywhere : this.#hosts.of(hostOf(target, host));
  }

  /** The handler whose path a path begins with, for paths that no template can match. */
  #covering(path: string, target: string, host: string | undefined): Mount | undefined {
    const name = hostOf(target, host);
    return this.#mounts.find(
      ({ path: start, options }) =>
        path.startsWith(`${start}/`) && (options.host === undefined || fits(options.host, name)),
    );
  }
}

const fits = (pattern: string, host: string): boolean =>
  pattern.startsWith("*") ? host.endsWith(pattern.slice(1).toLowerCase()) : host === pattern.toLowerCase();

const nameOf = (entry: Entry): string =>
  entry.kind === "mount"
    ? `the handler mounted at ${entry.path || "/"}`
    : `${entry.endpoint.route.method} ${entry.template} of ${entry.endpoint.method.path}`;

/** What a path can be asked with: its routes' methods, and those that the gateway itself answers. */
const allowHeader = (methods: ReadonlySet<string>): string =>
  [...new Set([...methods, ...(methods.has("GET") ? ["HEAD"] : []), "OPTIONS"])].sort().join(", ");
