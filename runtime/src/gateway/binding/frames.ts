import type { IncomingHttpHeaders } from "node:http";
import {
  type DescMessage,
  fromBinary,
  isFieldSet,
  type Message,
  type Registry,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { MethodSpec, Route } from "../../core/spec.ts";
import type { MethodPolicy } from "../../policies/index.ts";
import { badRequest } from "../errors.ts";
import { type Body, noBody } from "./body.ts";

/** What an endpoint reads of the messages of streams. */
export interface StreamBinding {
  bind(segments: readonly string[], query: string, body: Body, headers?: IncomingHttpHeaders): unknown;
  firstOf(segments: readonly string[], query: string, headers: IncomingHttpHeaders, element: Body): unknown;
}

/** The same where messages come whole, whatever the route says of its body. */
export interface FrameBinding extends StreamBinding {
  readBytes(data: Uint8Array): unknown;
  firstBytes(segments: readonly string[], headers: IncomingHttpHeaders, data: Uint8Array): unknown;
}

const unary = (): never => {
  throw new TypeError("a unary method has no messages but its request");
};

/** For methods that do not stream. */
export const noFrames = { readBytes: unary, firstBytes: unary };

/**
 * Binds the messages of WebSockets. `own` is the route's binding, `whole` that of the same route with body `*`.
 *
 * Messages in the codec's bytes are whole requests: the path wins over what they say, headers fill what they leave out, and the
 * query is not read. A route without a body has JSON messages too, of which the query fills the fields that the first one
 * leaves out.
 */
export function bindFrames(
  method: MethodSpec,
  route: Route,
  schema: DescMessage,
  registry: Registry,
  own: StreamBinding,
  whole: StreamBinding,
): FrameBinding {
  const { request } = method;
  const parse = (data: Uint8Array): Message => {
    try {
      return fromBinary(schema, data);
    } catch (cause) {
      throw badRequest("", `the frame is no ${request.typeName}`, cause);
    }
  };
  const readBytes = (data: Uint8Array): unknown => {
    try {
      return request.decode(data);
    } catch (cause) {
      throw badRequest("", `the frame is no ${request.typeName}`, cause);
    }
  };
  const textOf = (data: Uint8Array): string => {
    const message = parse(data);
    try {
      return toJsonString(schema, message, { registry });
    } catch (cause) {
      throw badRequest(
        "",
        `the frame has no form in JSON, by which path and headers get into a ${request.typeName}`,
        cause,
      );
    }
  };
  // Nobody but the message says anything: it is taken as it is.
  const isAlone = route.variables.length === 0 && !(method.policy as MethodPolicy).http?.headers?.length;
  const firstBytes = (segments: readonly string[], headers: IncomingHttpHeaders, data: Uint8Array): unknown =>
    isAlone ? readBytes(data) : whole.firstOf(segments, "", headers, { kind: "json", text: textOf(data) });
  if (route.body !== undefined) return { bind: own.bind, firstOf: own.firstOf, readBytes, firstBytes };

  return {
    bind: own.bind,
    readBytes,
    firstBytes,
    firstOf(segments, query, headers, element) {
      const first = whole.firstOf(segments, "", headers, element);
      if (query === "") return first;
      const said = fromBinary(schema, request.encode(own.bind(segments, query, noBody, headers)));
      const message = fromBinary(schema, request.encode(first));
      fill(schema, message, said);
      return request.decode(toBinary(schema, message));
    },
  };
}

/** Gives a message the fields that it has not, and another one has. */
function fill(schema: DescMessage, message: Message, other: Message): void {
  const [to, from] = [reflect(schema, message), reflect(schema, other)];
  for (const field of schema.fields) {
    const taken = field.oneof ? to.oneofCase(field.oneof) !== undefined : isFieldSet(message, field);
    if (taken || !isFieldSet(other, field)) continue;
    to.set(field, from.get(field));
  }
}
