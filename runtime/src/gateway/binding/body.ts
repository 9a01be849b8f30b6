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

/** Raw bytes of a reply. Source: google/api/httpbody.proto. */
export interface RawBody {
  readonly contentType: string;
  readonly data: Uint8Array;
}
