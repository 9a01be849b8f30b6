import type { IncomingHttpHeaders } from "node:http";

/**
 * The body of a request, or one element of a client stream's body. `raw` fills google.api.HttpBody: the request itself
 * for body `*`, or the field that the body is.
 */
export type Body =
  | { readonly kind: "none" }
  | { readonly kind: "json"; readonly text: string }
  | { readonly kind: "raw"; readonly contentType: string; readonly data: Uint8Array };

/** No body. */
export const noBody: Body = { kind: "none" };

/** Puts text into a field of the request: proto names joined by dots. Throws HttpError 400 when the field cannot hold it. */
export type FieldWriter = (field: string, text: string) => void;

/** Writes headers into fields of the request. Runs after the body and the query, before the path, which wins. */
export type HeaderBinder = (headers: IncomingHttpHeaders, write: FieldWriter) => void;

/** Raw bytes of a reply. Source: google/api/httpbody.proto. */
export interface RawBody {
  readonly contentType: string;
  readonly data: Uint8Array;
}
