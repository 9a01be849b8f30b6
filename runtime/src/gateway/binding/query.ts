import { badRequest } from "../errors.ts";

/** The most parameters that a query may have. */
export const maxParameters = 256;

/**
 * The parameters of a query string, in order. `+` is a space; a parameter without `=` has an empty value.
 *
 * Not URLSearchParams, which keeps malformed escapes: here they are the caller's error.
 * Source: WHATWG URL, "application/x-www-form-urlencoded parsing", but strict.
 */
export function parseQuery(query: string): (readonly [name: string, value: string])[] {
  if (query === "") return [];
  const parts = query.split("&", maxParameters + 1);
  if (parts.length > maxParameters) throw badRequest("", `the query has more than ${maxParameters} parameters`);
  const parameters: (readonly [string, string])[] = [];
  for (const part of parts) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = equals < 0 ? part : part.slice(0, equals);
    parameters.push([decode(name, name), equals < 0 ? "" : decode(part.slice(equals + 1), name)]);
  }
  return parameters;
}

/** What makes a text differ from what it stands for. */
const escaped = /[%+]/;

function decode(text: string, name: string): string {
  if (!escaped.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch (cause) {
    throw badRequest(name, "has a malformed percent escape: write % as %25, and text as UTF-8", cause);
  }
}
