import { HttpError } from "../errors.ts";

/** A Content-Type header, taken apart. */
export interface ContentType {
  /** Lower case, without parameters; "" when the header is absent. */
  readonly essence: string;
  /** Lower case; "" when none is given. */
  readonly charset: string;
}

/** Reads a Content-Type header. Source: RFC 9110, 8.3.1. */
export function parseContentType(header: string | undefined): ContentType {
  if (header === undefined) return { essence: "", charset: "" };
  const [essence = "", ...parameters] = header.split(";").map((part) => part.trim().toLowerCase());
  const charset = parameters.find((part) => part.startsWith("charset="))?.slice("charset=".length) ?? "";
  return { essence, charset: charset.replace(/^"(.*)"$/, "$1") };
}

/** Media types of one JSON value per line. */
const lines: ReadonlySet<string> = new Set([
  "application/x-ndjson",
  "application/ndjson",
  "application/jsonl",
  "application/x-jsonlines",
]);

/** True for media types of which each line is a JSON value. */
export const isLines = ({ essence }: ContentType): boolean => lines.has(essence);

/**
 * Refuses what is not JSON in UTF-8 with 415. No media type counts as JSON; with `streams`, so do lines of JSON.
 * Source: RFC 8259, 8.1; RFC 6839, 3.1.
 */
export function checkJson(type: ContentType, streams: boolean): void {
  const { essence, charset } = type;
  const json = essence === "" || essence === "application/json" || /^[^/\s]+\/[^/\s]+\+json$/.test(essence);
  if (!json && !(streams && isLines(type))) {
    const accept = streams ? "application/json, application/x-ndjson" : "application/json";
    throw unsupported(`the body has another media type than JSON: send ${accept.replace(",", " or")}`, { accept });
  }
  if (charset !== "" && charset !== "utf-8" && charset !== "utf8")
    throw unsupported("the body has another charset than UTF-8, which JSON is in: send it as UTF-8", {
      accept: "application/json",
    });
}

/** 415: the request has a body in a form that is not taken here; `headers` say what is. */
export const unsupported = (text: string, headers: { readonly [name: string]: string }): HttpError =>
  new HttpError(415, "INVALID_ARGUMENT", text, { headers });
