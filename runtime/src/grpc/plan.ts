import { RpcError } from "../core/error.ts";
import type { MethodSpec } from "../core/spec.ts";
import { type Encoding, tooLarge, type WirePolicy, wirePolicy } from "../core/wire-policy.ts";
import { asBuffer } from "./convert.ts";
import type { Lane } from "./lane.ts";

/** The connection that calls are made on. */
export interface Link {
  readonly name: string;
  /** Why no call can start, or undefined when it can. */
  readonly refusal: RpcError | undefined;
  /** What calls with requests of this encoding are made on. */
  lane(encoding: Encoding): Lane;
  started(): void;
  ended(): void;
}

/** A method with what its calls need, worked out when the handler is made. */
export interface Plan {
  readonly link: Link;
  readonly method: MethodSpec;
  readonly encoding: Encoding;
  /** Requests with fewer bytes are not compressed. */
  readonly minBytes: number;
  readonly limits: NonNullable<WirePolicy["limits"]>;
}

/** What calls of a method need. */
export function planOf(link: Link, method: MethodSpec): Plan {
  const { limits = {}, compression = { request: "IDENTITY", minBytes: 0 } } = wirePolicy(method);
  return { link, method, encoding: compression.request, minBytes: compression.minBytes, limits };
}

/** Throws an RpcError that says why the message cannot be sent. */
export function encode({ method, limits }: Plan, message: unknown): Buffer {
  let bytes: Buffer;
  try {
    bytes = asBuffer(method.request.encode(message));
  } catch (error) {
    throw unsendable(method, error);
  }
  if (limits.requestBytes !== undefined && bytes.length > limits.requestBytes)
    throw tooLarge(method, "request", limits.requestBytes);
  return bytes;
}

/** The request is not the message that it should be. */
export const unsendable = ({ path, request }: MethodSpec, error: unknown): RpcError =>
  new RpcError("INVALID_ARGUMENT", `cannot send ${request.typeName} to ${path}: ${textOf(error)}`, { cause: error });

/** The caller's own stream broke. */
export const sourceFailed = ({ path }: MethodSpec, error: unknown): RpcError =>
  new RpcError("CANCELLED", `the request stream of ${path} failed: ${textOf(error)}`, { cause: error });

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
