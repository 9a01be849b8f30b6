import { create, createRegistry, type JsonValue, type Registry, toJson } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { type Code, codeNumber, type ErrorDetail, RpcError, type RpcErrorOptions } from "../core/error.ts";
import { isTooLargeReply } from "../core/wire-policy.ts";
import { BadRequest, RetryInfo, standardDetails } from "../messages/details.ts";
import { detail, findDetail } from "../messages/status.ts";
import { type Quota, quotasOf } from "../policies/index.ts";

/** HTTP status by gRPC code. Source: google/rpc/code.proto, "HTTP Mapping". */
const statuses: { readonly [C in Code]: number } = {
  OK: 200,
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};

/** A request that HTTP itself has a status for, such as 404 for a path without a route. */
export class HttpError extends RpcError {
  readonly status: number;
  /** Response headers that belong to the status, such as Allow. */
  readonly headers: { readonly [name: string]: string };

  constructor(
    status: number,
    code: Code,
    text: string,
    options: RpcErrorOptions & { readonly headers?: { readonly [name: string]: string } } = {},
  ) {
    super(code, text, options);
    this.status = status;
    this.headers = options.headers ?? {};
  }
}

/** A part of the request that cannot be used: 400, with a google.rpc.BadRequest that names it. */
export function badRequest(field: string, description: string, cause?: unknown): HttpError {
  const details = [detail(BadRequest, { fieldViolations: [{ field, description }] })];
  return new HttpError(400, "INVALID_ARGUMENT", field === "" ? description : `${field}: ${description}`, {
    details,
    cause,
  });
}

/** The HTTP status of a failed call. */
export const statusOf = (error: RpcError): number => {
  if (error instanceof HttpError) return error.status;
  // No fault of this client, and no reason to come again later.
  return isTooLargeReply(error) ? 500 : statuses[error.code];
};

/**
 * The headers that a failure brings with it. Source: RFC 9110, 11.6.1 and 10.2.3; draft-ietf-httpapi-ratelimit-headers.
 */
export function errorHeaders(error: RpcError): { readonly [name: string]: string } {
  const status = statusOf(error);
  const headers: { [name: string]: string } = error instanceof HttpError ? { ...error.headers } : {};
  if (status === 401) headers["www-authenticate"] = "Bearer";
  if (status === 429 || status === 503) {
    const delay = findDetail(error, RetryInfo)?.retryDelay;
    if (delay) headers["retry-after"] = String(Math.max(0, Number(delay.seconds) + Math.ceil(delay.nanos / 1e9)));
  }
  if (status === 429) Object.assign(headers, rateLimitHeaders(quotasOf(error), headers["retry-after"]));
  return headers;
}

/** The limits that refused; how to go on is known of the first one only. `wait` is in seconds. */
function rateLimitHeaders(quotas: readonly Quota[], wait: string | undefined): { readonly [name: string]: string } {
  // Other names have no form in a header. Source: RFC 9651, 3.3.3.
  const printable = quotas.filter(({ name }) => /^[\x20-\x7e]*$/.test(name));
  const quoted = ({ name }: Quota) => `"${name.replace(/["\\]/g, "\\$&")}"`;
  const [first] = printable;
  if (first === undefined) return {};
  return {
    "ratelimit-policy": printable
      .map((quota) => `${quoted(quota)};q=${quota.amount};w=${quota.windowSeconds}`)
      .join(", "),
    ...(first === quotas[0] && { ratelimit: `${quoted(first)};r=0${wait === undefined ? "" : `;t=${wait}`}` }),
  };
}

/** Knows the standard error details and the messages of the services behind a gateway. */
export const detailRegistry = (...registries: readonly Registry[]): Registry =>
  createRegistry(...registries, ...standardDetails);

/** A failure as google.rpc.Status in ProtoJSON. */
export const errorJson = ({ code, text, details }: RpcError, registry: Registry): JsonValue => ({
  code: codeNumber(code),
  message: text,
  details: details.map((one) => detailJson(one, registry)),
});

/** A detail as google.protobuf.Any in ProtoJSON; one of a type nobody here knows keeps its bytes. */
function detailJson({ type, value }: ErrorDetail, registry: Registry): JsonValue {
  const typeUrl = `type.googleapis.com/${type}`;
  if (registry.getMessage(type)) {
    try {
      const json = toJson(AnySchema, create(AnySchema, { typeUrl, value }), { registry }) as {
        [key: string]: JsonValue;
      };
      // The type comes first, where readers look for it.
      return { "@type": typeUrl, ...json };
    } catch {
      // Bytes that are not such a message are shown as they are: the status they came with matters more.
    }
  }
  return { "@type": typeUrl, value: Buffer.from(value).toString("base64") };
}
