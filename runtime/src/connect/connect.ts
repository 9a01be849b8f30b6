import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { DescMethod, DescService, Message } from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext, MethodImpl } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { clientHandlers } from "../client.ts";
import type { Clock } from "../core/clock.ts";
import { codeNumber } from "../core/error.ts";
import type { Report } from "../core/report.ts";
import type { MethodSpec } from "../core/spec.ts";
import { isStream } from "../core/stream.ts";
import { wirePolicy } from "../core/wire-policy.ts";
import type { GatewayService } from "../gateway/endpoint.ts";
import { describe, registryOf, undescribe } from "../messages/descriptors.ts";
import { callersFault } from "./callers-fault.ts";
import { ConnectCalls, type ConnectMethod } from "./calls.ts";
import type { ConnectLibrary } from "./library.ts";

/** How services are served by Connect and gRPC-Web. */
export interface ConnectOptions {
  /** The largest request message that is accepted, in bytes, also when it is inflated. Fails with RESOURCE_EXHAUSTED. */
  readonly maxRequestBytes: number;
  readonly clock: Clock;
  /** Told about every failure whose text the caller does not get. */
  readonly onError: Report;
}

/** Services as a handler of node:http. */
export interface ConnectDoor {
  /** Where its methods are, `/acme.shop.v1.Shop` for each service. */
  readonly paths: readonly string[];
  /** Answers what is a method of its services; the rest with 404, as clients of these protocols expect it. */
  handle(req: IncomingMessage, res: ServerResponse): void;
  /** Ends calls under way with UNAVAILABLE: those that stream, or all. */
  end(which: "streams" | "all"): void;
}

/**
 * Serves the methods of services by Connect and gRPC-Web, with the handlers that their other doors have, at every host and
 * without a prefix. Throws when a service is at two targets.
 */
export function createConnect(
  placed: readonly GatewayService[],
  library: ConnectLibrary,
  options: ConnectOptions,
): ConnectDoor {
  const services = onePlaceEach(placed);
  const { connect, node } = library;
  const calls = new ConnectCalls({ library, clock: options.clock, onError: options.onError });
  const requestKey = connect.createContextKey<IncomingMessage | undefined>(undefined);
  const router = connect.createConnectRouter({
    grpc: false,
    acceptCompression: [node.compressionGzip, node.compressionBrotli],
  });
  for (const service of services) addService(router, service);
  const byPath = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  /** What may be asked of each path. The library's 405 does not say it. Source: RFC 9110, 15.5.6; the Connect protocol. */
  const doors = new Map<
    string,
    { readonly method: MethodSpec; readonly handler: UniversalHandler; readonly allow: string }
  >();
  for (const { spec } of services)
    for (const method of Object.values(spec.methods)) {
      const { path, kind, idempotency } = method;
      const allow = kind === "unary" && idempotency === "NO_SIDE_EFFECTS" ? "GET, POST" : "POST";
      doors.set(path, { method, handler: byPath.get(path) as UniversalHandler, allow });
    }

  function addService(router: ConnectRouter, { spec, target, client }: GatewayService): void {
    const registry = registryOf(spec);
    const desc = registry.getService(spec.name) as DescService;
    const handlers = target.local ? undefined : clientHandlers(spec, target, client);
    for (const [key, method] of Object.entries(spec.methods)) {
      const described = desc.methods.find(({ name }) => name === method.name) as DescMethod;
      const to = { method, target, handler: handlers?.get(key) ?? target.handler(method) };
      const read = undescribe(method.request, registry);
      const print = describe(method.reply, registry);
      const { requestBytes } = wirePolicy(method).limits ?? {};
      router.rpc(described, implementation(to, read, print), {
        readMaxBytes: requestBytes ?? options.maxRequestBytes,
        jsonOptions: { registry },
      });
    }
  }

  function implementation(
    to: ConnectMethod,
    read: (message: Message) => unknown,
    print: (reply: unknown) => Message,
  ): MethodImpl<DescMethod> {
    const { kind } = to.method;
    const takesStream = kind === "clientStream" || kind === "bidi";
    const start = (message: unknown, context: HandlerContext) => {
      const request = takesStream ? calls.requests(message as AsyncIterable<unknown>, read) : read(message as Message);
      return calls.start(to, request, context, context.values.get(requestKey) as IncomingMessage);
    };
    async function single(message: unknown, context: HandlerContext): Promise<Message> {
      let over: (() => void) | undefined;
      try {
        const call = start(message, context);
        ({ over } = call);
        return print(await call.reply);
      } catch (error) {
        throw calls.failure(error, to);
      } finally {
        over?.();
      }
    }
    async function* stream(message: unknown, context: HandlerContext): AsyncIterable<Message> {
      let over: (() => void) | undefined;
      try {
        const call = start(message, context);
        ({ over } = call);
        const replies = await call.reply;
        if (!isStream(replies)) throw new TypeError(`${to.method.path} replied with no stream`);
        for await (const reply of replies) yield print(reply);
      } catch (error) {
        throw calls.failure(error, to);
      } finally {
        over?.();
      }
    }
    return (kind === "serverStream" || kind === "bidi" ? stream : single) as never;
  }

  return {
    paths: services.map(({ spec }) => `/${spec.name}`),
    handle(req, res) {
      // The library makes a URL of it, and fails on one that is none.
      if (!URL.canParse(`http://${req.headers.host}`)) return refuseHost(res);
      keepConnection(req, res);
      const door = doors.get((req.url ?? "").split("?", 1)[0] as string);
      // Without a body: theirs for errors is another one than ours.
      if (!door) return void res.writeHead(404, { "content-length": "0" }).end();
      const { method, handler, allow } = door;
      if (req.method !== "POST" && !(req.method === "GET" && allow.startsWith("GET")))
        return void res.writeHead(405, { allow, "content-length": "0" }).end();
      const values = connect.createContextValues().set(requestKey, req);
      handler(node.universalRequestFromNodeRequest(req, res, undefined, values))
        .then(callersFault)
        .then((answer) => node.universalResponseToNodeResponse(answer, res))
        .catch((error: unknown) => {
          res.destroy();
          // The client has left.
          if (connect.ConnectError.from(error).code !== connect.Code.Aborted)
            options.onError(error, randomUUID(), method);
        });
    },
    end: (which) => calls.end(which),
  };
}

/** These protocols have one path for a method, so a service that has routes at several places is served once. */
function onePlaceEach(placed: readonly GatewayService[]): GatewayService[] {
  const byName = new Map<string, GatewayService>();
  for (const service of placed) {
    const { name } = service.spec;
    const earlier = byName.get(name) ?? service;
    if (earlier.target !== service.target)
      throw new Error(
        `connect: ${name} is at two targets, and Connect and gRPC-Web know neither hosts nor prefixes: serve one of them by a gateway of its own, or leave connect out`,
      );
    byName.set(name, earlier);
  }
  return [...byName.values()];
}

/** The library breaks the connection when it stops reading, and with it the answer that says why. */
function keepConnection(req: IncomingMessage, res: ServerResponse): void {
  const iterate = () => req.iterator({ destroyOnReturn: false });
  Object.defineProperty(req, Symbol.asyncIterator, { value: iterate });
  // Nobody wants the rest, but the next request is behind it.
  res.once("finish", () => void req.resume());
}

function refuseHost(res: ServerResponse): void {
  const body = JSON.stringify({
    code: codeNumber("INVALID_ARGUMENT"),
    message: "the Host header is no host",
    details: [],
  });
  res.writeHead(400, { "content-type": "application/json", "content-length": String(body.length) }).end(body);
}
