import type { IncomingHttpHeaders } from "node:http";
import type { DescMessage } from "@bufbuild/protobuf";
import type { Call } from "../../core/call.ts";
import { Cancellation } from "../../core/cancellation.ts";
import type { Clock } from "../../core/clock.ts";
import { RpcError } from "../../core/error.ts";
import { checkKeys, keysOf, nearest } from "../../core/known-keys.ts";
import type { Report } from "../../core/report.ts";
import type { MethodSpec } from "../../core/spec.ts";
import { registryOf, schemaOf } from "../../messages/descriptors.ts";
import { parseQuery } from "../binding/query.ts";
import type { Endpoint, GatewayService } from "../endpoint.ts";
import { badRequest, detailRegistry, errorJson, HttpError } from "../errors.ts";
import { presentable } from "../presentable.ts";
import type { Composition, CompositionPart } from "./options.ts";
import { composedPath } from "./path.ts";
import { type RequestTemplate, requestTemplate, TemplateError, type Values } from "./template.ts";

/** What compositions need of their gateway. */
export interface ComposeSettings {
  /** The endpoints of `partRoute` and the descriptors of their requests, by the path of the method. */
  readonly callable: ReadonlyMap<string, Callable>;
  /** The paths of all methods, for hints. */
  readonly methods: readonly string[];
  readonly onError: Report;
  readonly clock: Clock;
}

/** What can be called as a part: an endpoint of `partRoute`, and the descriptor of its request. */
export interface Callable {
  readonly endpoint: Endpoint;
  readonly schema: DescMessage;
}

export const callableOf = (endpoint: Endpoint, { spec }: GatewayService): Callable => ({
  endpoint,
  schema: schemaOf(endpoint.method.request, registryOf(spec)),
});

interface Part {
  readonly member: string;
  readonly endpoint: Endpoint;
  readonly request: RequestTemplate;
  readonly optional: boolean;
  /** JSON in place of a part that failed. */
  readonly fallback: string;
}

/** What the parts came to: JSON. */
interface Composed {
  readonly json: string;
}

const known = {
  composition: keysOf<Composition>({ get: true, parts: true, host: true, where: true }),
  part: keysOf<CompositionPart>({ method: true, request: true, optional: true, default: true }),
};

/** The paths of the methods that compositions name. Throws a TypeError for what is no composition. */
export function methodsOf(compositions: readonly Composition[]): ReadonlySet<string> {
  const paths = new Set<string>();
  for (const [index, composition] of compositions.entries()) {
    const where = whereOf(composition, index);
    checkKeys(composition, known.composition, where);
    if (Object.keys(composition.parts ?? {}).length === 0)
      throw new TypeError(`${where}: parts is empty: name the methods that the answer comes from`);
    for (const part of Object.values(composition.parts)) paths.add(`/${part.method}`);
  }
  return paths;
}

export const whereOf = (composition: Composition, index: number): string => composition.where ?? `compose[${index}]`;

/**
 * A composition as an endpoint, so that deadline, cancellation, errors and headers are those of every route.
 *
 * Throws an Error that names the composition and the key: for a method that is not there, or streams; for fields that
 * its request has not.
 */
export function composedEndpoint(composition: Composition, where: string, settings: ComposeSettings): Endpoint {
  const { route, variables } = composedPath(composition.get, where);
  const names = variables.map(([name]) => name);
  const parts = Object.entries(composition.parts).map(([member, part]) =>
    compilePart(member, part, names, `${where}.parts.${member}`, settings),
  );
  // Details of a part's errors may hold messages of its service.
  const details = detailRegistry(...parts.map(({ endpoint }) => endpoint.details));
  const method: MethodSpec = {
    name: "compose",
    path: `GET ${composition.get}`,
    kind: "unary",
    request: nothing,
    reply: nothing,
    policy: {},
    routes: [],
  };
  const read = (segments: readonly string[], query: string): Values => {
    const values = new Map<string, string>();
    for (const [name, value] of parseQuery(query)) {
      if (values.has(`query.${name}`)) throw badRequest(name, "is given twice");
      values.set(`query.${name}`, value);
    }
    for (const [name, segment] of variables) values.set(name, decodeURIComponent(segments[segment] ?? ""));
    return values;
  };
  const never = () => {
    throw new HttpError(400, "INVALID_ARGUMENT", "the path takes no body");
  };
  return {
    method,
    route,
    streams: false,
    takesStream: false,
    takesRaw: false,
    repliesRaw: false,
    framing: undefined,
    tagged: false,
    eventIdOf: undefined,
    cacheControl: undefined,
    etagOf: undefined,
    successStatus: 200,
    get longestMs() {
      return Math.max(...parts.map(({ endpoint }) => endpoint.longestMs));
    },
    idleMs: Number.POSITIVE_INFINITY,
    maxRequestBytes: undefined,
    maxResponseBytes: undefined,
    target: {
      name: "composition",
      // Decides whether parts learn the peer of the connection, or remote ones the way there.
      local: parts.some(({ endpoint }) => endpoint.target.local),
      handler: () => run,
      close: async () => {},
    },
    handler: run,
    bind(segments, query, _body, headers: IncomingHttpHeaders = {}) {
      const values = read(segments, query);
      return parts.map(({ endpoint, request }) => bindPart(endpoint, request, values, headers));
    },
    readElement: never,
    rawElement: never,
    firstOf: never,
    readBytes: never,
    firstBytes: never,
    print: (reply) => (reply as Composed).json,
    httpBodyOf: () => undefined,
    details: details,
  };

  async function run(call: Call): Promise<Composed> {
    const cancellation = new Cancellation();
    const leave = call.cancellation?.onCancel((reason) => cancellation.cancel(reason));
    const errors: string[] = [];
    try {
      const requests = call.request as readonly unknown[];
      const members = await Promise.all(
        parts.map(async (part, index) => {
          try {
            return member(
              part,
              part.endpoint.print(await callPart(part, call, requests[index], cancellation, settings)),
            );
          } catch (error) {
            if (!part.optional || cancellation.reason) throw error;
            const shown = presentable(error, part.endpoint.method, settings.onError);
            errors.push(member(part, JSON.stringify(errorJson(shown, details))));
            return member(part, part.fallback);
          }
        }),
      );
      if (errors.length > 0) members.push(`"errors":{${errors.join(",")}}`);
      return { json: `{${members.join(",")}}` };
    } catch (error) {
      cancellation.cancel(new RpcError("CANCELLED", `another part of ${method.path} failed`));
      throw error;
    } finally {
      leave?.();
    }
  }
}

const member = ({ member }: Part, json: string): string => `${JSON.stringify(member)}:${json}`;

const nothing = { typeName: "google.protobuf.Empty", encode: () => new Uint8Array(), decode: () => ({}) };

function callPart(
  { endpoint }: Part,
  call: Call,
  request: unknown,
  cancellation: Cancellation,
  { clock }: ComposeSettings,
) {
  return endpoint.handler({
    ...call,
    method: endpoint.method,
    request,
    cancellation,
    deadline: Math.min(call.deadline, clock.now() + endpoint.longestMs),
    onHeaders: undefined,
    onTrailers: undefined,
    peer: endpoint.target.local ? call.peer : undefined,
  });
}

function bindPart(endpoint: Endpoint, request: RequestTemplate, values: Values, headers: IncomingHttpHeaders): unknown {
  return endpoint.bind([], "", { kind: "json", text: JSON.stringify(request(values)) }, headers);
}

function compilePart(
  member: string,
  part: CompositionPart,
  names: readonly string[],
  where: string,
  { callable, methods }: ComposeSettings,
): Part {
  checkKeys(part, known.part, where);
  if (member === "errors")
    throw new TypeError(`${where}: "errors" is where failed parts are told of: name it otherwise`);
  if (part.default !== undefined && !part.optional)
    throw new TypeError(`${where}.default is never used: set optional, or remove it`);
  const found = callable.get(`/${part.method}`);
  if (!found) {
    const meant = nearest(
      String(part.method),
      methods.map((path) => path.slice(1)),
    );
    throw new TypeError(
      `${where}.method: no service here has the method ${JSON.stringify(part.method)}${meant ? `, did you mean ${meant}?` : ": write it as package.Service/Method"}`,
    );
  }
  const { endpoint, schema } = found;
  if (endpoint.method.kind !== "unary")
    throw new TypeError(`${where}.method: ${part.method} streams, and only unary methods can be parts`);
  try {
    const request = requestTemplate(part.request ?? {}, schema, names);
    // Constants are read now, so that a wrong one fails here and not for every client.
    bindPart(endpoint, request, new Map(), {});
    return {
      member,
      endpoint,
      request,
      optional: part.optional ?? false,
      fallback: JSON.stringify(part.default ?? null),
    };
  } catch (cause) {
    if (cause instanceof TemplateError) throw new TypeError(`${where}.${cause.message}`, { cause });
    if (cause instanceof HttpError) throw new TypeError(`${where}.request: ${cause.text}`, { cause });
    throw cause;
  }
}
