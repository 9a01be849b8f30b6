import { type Code, codeName, codes, RpcError, type RpcErrorOptions } from "../core/error.ts";
import { isObject } from "./value.ts";

/** One entry of `google.rpc.Status.details` in ProtoJSON: the fields of the message beside its type. */
export interface StatusDetail {
  /** Such as `type.googleapis.com/google.rpc.BadRequest`. */
  readonly "@type": string;
  readonly [field: string]: unknown;
}

/**
 * A failed call over REST. `details` is always empty, because their bytes do not travel: `jsonDetails` has them.
 */
export class RestError extends RpcError {
  readonly jsonDetails: readonly StatusDetail[];
  /** The HTTP status of the answer; undefined when there was none. */
  readonly status: number | undefined;

  constructor(
    code: Code,
    text: string,
    options: RpcErrorOptions & {
      readonly jsonDetails?: readonly StatusDetail[];
      readonly status?: number | undefined;
    } = {},
  ) {
    super(code, text, options);
    this.jsonDetails = options.jsonDetails ?? [];
    this.status = options.status;
  }
}

/** Codes by HTTP status, for answers that are no google.rpc.Status. Source: gRPC, "HTTP to gRPC Status Code Mapping". */
const byStatus: { readonly [status: number]: Code } = {
  400: "INTERNAL",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "UNIMPLEMENTED",
  429: "UNAVAILABLE",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "UNAVAILABLE",
};

/** The failure that a google.rpc.Status tells; undefined when the JSON is none. */
export function statusError(json: unknown, status?: number): RestError | undefined {
  if (!isObject(json) || typeof json.code !== "number" || json.code === 0) return undefined;
  const details = Array.isArray(json.details) ? json.details : [];
  return new RestError(codeName(json.code), typeof json.message === "string" ? json.message : "", {
    jsonDetails: details.filter((one): one is StatusDetail => isObject(one) && typeof one["@type"] === "string"),
    status,
    origin: "peer",
  });
}

/** The JSON of a reply. Fails with INTERNAL when it is none. */
export function parseReply(text: string, path: string, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RestError("INTERNAL", `the reply of ${path} is not JSON`, { status, cause });
  }
}

/** The failure that an HTTP response tells. */
export async function responseError(response: Response, path: string): Promise<RestError> {
  const text = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // A proxy answers in its own words: the status has to do.
  }
  return (
    statusError(json, response.status) ??
    // Before a stream, grpc-gateway puts the status below a key.
    statusError(isObject(json) ? json.error : undefined, response.status) ??
    new RestError(byStatus[response.status] ?? "UNKNOWN", `${path} was answered with HTTP ${response.status}`, {
      status: response.status,
      origin: "peer",
    })
  );
}

/** The code that a WebSocket's close code tells: 4000 and the number of the code. */
export const closeCode = (code: number): Code =>
  code > 4000 && code < 4000 + codes.length
    ? codeName(code - 4000)
    : code === 1009
      ? "RESOURCE_EXHAUSTED"
      : code === 1008
        ? "PERMISSION_DENIED"
        : code === 1011
          ? "INTERNAL"
          : "UNAVAILABLE";
