import type { Call } from "../core/call.ts";
import { RpcError } from "../core/error.ts";
import type { MethodSpec } from "../core/spec.ts";
import { type Encoding, type Picker, tooLarge, type WirePolicy, wirePolicy } from "../core/wire-policy.ts";
import { keyOf } from "../messages/key.ts";
import { placeOf } from "./balance-ring.ts";
import { asBuffer } from "./convert.ts";
import type { Lane } from "./lane.ts";

/** The connection that calls are made on. */
export interface Link {
  readonly name: string;
  /** Why no call can start, or undefined when it can. */
  readonly refusal: RpcError | undefined;
  /** What calls that go this way are made on. */
  lane(way: Way): Lane;
  started(): void;
  ended(): void;
}

/** What grpc-js does alike for all calls of a channel. */
export interface Way {
  readonly encoding: Encoding;
  /** Default: PICK_FIRST. */
  readonly picker: Picker;
  /** Tells ways apart. */
  readonly name: string;
}

/** How requests are sent. */
export const wayOf = (encoding: Encoding, picker: Picker): Way => ({ encoding, picker, name: `${encoding} ${picker}` });

/** A method with what its calls need, worked out when the handler is made. */
export interface Plan {
  readonly link: Link;
  readonly method: MethodSpec;
  readonly way: Way;
  /** For a call with one message that is not compressed: what an encoding needs would cost, and do nothing. */
  readonly plainWay: Way;
  /** The place of a call on the ring of addresses; undefined when any address will do. Default: none has one. */
  readonly place: ((call: Call) => number | undefined) | undefined;
  /** Requests with fewer bytes are not compressed. */
  readonly minBytes: number;
  readonly limits: NonNullable<WirePolicy["limits"]>;
}

/** What calls of a method need. */
export function planOf(link: Link, method: MethodSpec): Plan {
  const { limits = {}, balance, compression = { request: "IDENTITY", minBytes: 0 } } = wirePolicy(method);
  const picker = balance?.picker ?? "PICK_FIRST";
  const way = wayOf(compression.request, picker);
  const plainWay = wayOf("IDENTITY", picker);
  const place = placeBy(balance?.picker === "RING_HASH" ? balance.hashBy : undefined, method);
  return { link, method, way, plainWay, place, minBytes: compression.minBytes, limits };
}

function placeBy(hashBy: string | undefined, method: MethodSpec): Plan["place"] {
  const key = hashBy === undefined ? undefined : keyOf([hashBy], method);
  if (!key) return undefined;
  return (call) => {
    const text = key(call);
    // "=" is the key of an empty value: calls without one must not all go to one address.
    return text.length <= 1 ? undefined : placeOf(text);
  };
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
