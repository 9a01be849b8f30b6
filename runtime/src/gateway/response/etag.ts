import { hash } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** Whether a client may keep the answer and ask by its tag whether it is still good. Source: RFC 9110, 13.1.2. */
export const isCacheable = ({ method }: IncomingMessage, status: number): boolean =>
  status === 200 && (method === "GET" || method === "HEAD");

/** A weak entity tag of a body: equal for equal bytes, before compression. Source: RFC 9110, 8.8.3. */
export const weakTag = (body: string | Uint8Array): string => `W/"${hash("sha256", body, "base64url").slice(0, 22)}"`;

/** A resource's own tag as an entity tag, in quotes if it has none; undefined when no header can hold it. Source: AIP-154. */
export function ownTag(text: string): string | undefined {
  if (/^(?:W\/)?"[\x21\x23-\x7e]*"$/.test(text)) return text;
  return /^[\x21\x23-\x7e]+$/.test(text) ? `"${text}"` : undefined;
}

/** The tag of what is no longer the same bytes, such as a compressed body. */
export const weakened = (tag: string): string => (tag.startsWith("W/") ? tag : `W/${tag}`);

/** Whether `If-None-Match` names the tag, so that the client has the body already. Source: RFC 9110, 13.1.2. */
export function namesTag(ifNoneMatch: string, tag: string): boolean {
  if (ifNoneMatch.trim() === "*") return true;
  const opaque = tag.replace(/^W\//, "");
  // Tags are compared weakly: by what is in their quotes, which may hold commas.
  return ifNoneMatch.match(/"[^"]*"/g)?.includes(opaque) ?? false;
}
