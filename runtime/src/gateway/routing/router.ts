import type { Endpoint } from "../endpoint.ts";
import { HttpError } from "../errors.ts";
import { decode, maxSegments, splitPath, splitTarget } from "./path.ts";
import { Trie } from "./trie.ts";

/** What a request asks for: the route that matched, and what it needs of the request line. */
export interface Matched {
  readonly endpoint: Endpoint;
  /** As they were sent, without the verb. */
  readonly segments: readonly string[];
  readonly query: string;
}

/** What becomes of a request: a call, a refusal, or the answer to OPTIONS, which is a header alone. */
export type Destination =
  | ({ readonly kind: "call" } & Matched)
  | { readonly kind: "refusal"; readonly error: HttpError }
  | { readonly kind: "options"; readonly allow: string };

const refusal = (status: number, code: "NOT_FOUND" | "INVALID_ARGUMENT", text: string): Destination => ({
  kind: "refusal",
  error: new HttpError(status, code, text),
});
// Made once: a flood of bad requests must not pay for stack traces.
const notFound = refusal(404, "NOT_FOUND", "no route has this path");
const malformed = refusal(400, "INVALID_ARGUMENT", "the path has a malformed percent escape: write % as %25");
const tooLong = refusal(400, "INVALID_ARGUMENT", `the path has more than ${maxSegments} segments`);

/** The routes of all services of a gateway. */
export class Router {
  readonly #trie = new Trie<Endpoint>();

  /** Throws when two routes match the same requests. */
  constructor(endpoints: readonly Endpoint[]) {
    for (const endpoint of endpoints) {
      const earlier = this.#trie.add(endpoint.route, endpoint);
      if (!earlier) continue;
      const [mine, other] = [endpoint, earlier].map(
        ({ route, method }) => `${route.method} ${route.template} of ${method.path}`,
      );
      throw new Error(
        `${mine} matches the same requests as ${other}: change one of them, or serve them by two gateways`,
      );
    }
  }

  /** Where a request goes, by its method and target. */
  find(method: string, target: string): Destination {
    const { path, query } = splitTarget(target);
    const segments = splitPath(path);
    if (!segments) return notFound;
    if (segments.length > maxSegments) return tooLong;
    const found = this.#trie.find(method, segments);
    switch (found.kind) {
      case "found":
        return { kind: "call", endpoint: found.value, segments: found.segments, query };
      case "malformed":
        return malformed;
      case "none":
        return segments.some((segment) => decode(segment) === undefined) ? malformed : notFound;
      case "method": {
        const allow = allowHeader(found.allowed);
        if (method === "OPTIONS") return { kind: "options", allow };
        const text = `the path is not served with ${method}: use one of ${allow}`;
        return { kind: "refusal", error: new HttpError(405, "UNIMPLEMENTED", text, { headers: { allow } }) };
      }
    }
  }
}

/** What a path can be asked with: its routes' methods, and those that the gateway itself answers. */
const allowHeader = (methods: ReadonlySet<string>): string =>
  [...new Set([...methods, ...(methods.has("GET") ? ["HEAD"] : []), "OPTIONS"])].sort().join(", ");
