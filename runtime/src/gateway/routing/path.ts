/** The longest path that is looked at, in segments. */
export const maxSegments = 1024;

/** A request target, cut at its first `?`. Neither part is decoded. */
export interface RequestTarget {
  readonly path: string;
  readonly query: string;
}

/**
 * Cuts the target of a request line. Never through `new URL`, which resolves `..` and `%2e%2e`: another rpc would run.
 * Source: RFC 9112, 3.2.2 (a server takes the absolute form too).
 */
export function splitTarget(target: string): RequestTarget {
  const local = target.startsWith("/") ? target : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, "");
  const mark = local.indexOf("?");
  return mark < 0 ? { path: local, query: "" } : { path: local.slice(0, mark), query: local.slice(mark + 1) };
}

/**
 * The segments of a path, as they were sent. A trailing slash is dropped.
 *
 * Undefined when no template can match: the path does not start with a slash, or has an empty segment.
 */
export function splitPath(path: string): string[] | undefined {
  if (!path.startsWith("/")) return undefined;
  if (path === "/") return [];
  const segments = (path.endsWith("/") ? path.slice(1, -1) : path.slice(1)).split("/");
  return segments.includes("") ? undefined : segments;
}

/** The text that percent-encoding stands for, or undefined when an escape is malformed or not UTF-8. */
export function decode(text: string): string | undefined {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * The value of a variable that spans several segments: decoded, but an encoded slash stays as it was sent, because
 * it is not the slash that separates segments. Expects segments that `decode` accepts.
 * Source: google/api/http.proto, "all characters except the slash".
 */
export const joinSegments = (segments: readonly string[]): string =>
  segments
    .map((segment) =>
      segment
        .split(/(%2f)/i)
        .map((part, index) => (index % 2 === 1 ? part : decodeURIComponent(part)))
        .join(""),
    )
    .join("/");
