import { fromBase64, toBase64 } from "./base64.ts";
import { bodyJson, fromJson, type RestMethod } from "./method.ts";
import type { RestRoute } from "./request.ts";
import { isObject, type Json, type ValueType } from "./value.ts";

/** Whether a body is bytes of its own media type: a `google.api.HttpBody` itself, or the field that the body is. */
export function takesRaw(type: ValueType, field: string | undefined): boolean {
  const whole = field === undefined || field === "*";
  return (whole ? type : type.fields?.().get(field)?.type)?.raw === true;
}

/** The bytes of a request and their media type. */
export function rawBody(method: RestMethod, route: RestRoute, message: unknown): { type: string; data: Uint8Array } {
  const json: Json = bodyJson(method, route, message);
  const { contentType, data } = isObject(json) ? json : {};
  return {
    type: typeof contentType === "string" && contentType !== "" ? contentType : "application/octet-stream",
    data: fromBase64(typeof data === "string" ? data : "") ?? new Uint8Array(0),
  };
}

/** A reply from the bytes of a response, or of a part of it. */
export const rawReply = (method: RestMethod, route: RestRoute, response: Response, data: Uint8Array): unknown =>
  fromJson(method, route, { contentType: response.headers.get("content-type") ?? "", data: toBase64(data) });
