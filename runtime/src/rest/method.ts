import type { Clock } from "../core/clock.ts";
import type { CallOptions } from "../core/context.ts";
import type { MethodKind } from "../core/spec.ts";
import { RestError } from "./error.ts";
import { Life } from "./life.ts";
import type { RestOptions } from "./options.ts";
import { type HeaderBinding, type HttpRequest, layOut, type RestRoute } from "./request.ts";
import { isObject, type Json, JsonProblem, type ValueType } from "./value.ts";

/** One method, with its types. */
export interface RestMethod {
  readonly path: string;
  readonly kind: MethodKind;
  readonly longestMs: number;
  readonly routes: readonly RestRoute[];
  readonly headers: readonly HeaderBinding[];
  readonly request: ValueType;
  readonly reply: ValueType;
}

/** What all calls of a client have in common. */
export interface Connection {
  readonly options: RestOptions;
  readonly clock: Clock;
  /** Without a slash at its end. */
  readonly baseUrl: string;
}

/** The life of a call that begins. */
export const begin = ({ path, longestMs }: RestMethod, { clock }: Connection, options: CallOptions): Life =>
  new Life(path, options, longestMs, clock);

/** Lays a request over a route. Fails with INVALID_ARGUMENT when it does not fit any. */
export function toHttp({ routes, headers, request, path }: RestMethod, message: unknown): [HttpRequest, RestRoute] {
  try {
    return layOut(routes, headers, request, message);
  } catch (error) {
    throw asInvalid(path, error);
  }
}

/** What to tell whoever sends a message that cannot be sent. */
export const asInvalid = (path: string, error: unknown): RestError =>
  new RestError("INVALID_ARGUMENT", `the request of ${path} cannot be sent: ${reason(error)}`, { cause: error });

/** A reply from its JSON. Fails with INTERNAL when it is none. */
export function fromJson({ reply, path }: RestMethod, { responseBody }: RestRoute, json: unknown): unknown {
  try {
    const name = responseBody && reply.fields?.().get(responseBody)?.json;
    return reply.read((name ? { [name]: json } : json) as Json);
  } catch (error) {
    throw new RestError("INTERNAL", `the reply of ${path} cannot be read: ${reason(error)}`, { cause: error });
  }
}

const reason = (error: unknown) => (error instanceof JsonProblem ? error.message : String(error));

/** The JSON of a message as a route's body has it. */
export function bodyJson({ request, path }: RestMethod, { body }: RestRoute, message: unknown): Json {
  try {
    const json = request.write(message);
    if (body === undefined || body === "*" || !isObject(json)) return json;
    return (json[request.fields?.().get(body)?.json ?? body] ?? null) as Json;
  } catch (error) {
    throw asInvalid(path, error);
  }
}
