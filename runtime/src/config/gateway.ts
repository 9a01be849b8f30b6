import { type JsonObject, toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { nearest } from "../core/known-keys.ts";
import type { ServiceSpec } from "../core/spec.ts";
import type { Target } from "../core/target.ts";
import type { Composition } from "../gateway/compose/options.ts";
import type { CorsOptions } from "../gateway/cors.ts";
import { type DocsOptions, docsOf } from "../gateway/docs/docs.ts";
import type { GatewayService } from "../gateway/endpoint.ts";
import type { ForwardedHeader } from "../gateway/forwarded.ts";
import type { TrailingSlash } from "../gateway/routing/router.ts";
import { readWebSocketOptions, type WebSocketOptions } from "../gateway/websocket/options.ts";
import type { ServeGatewayOptions } from "../serve/gateway-options.ts";
import type {
  CompositionPart,
  CorsConfig,
  DocsConfig,
  GatewayConfig,
  WebSocketConfig,
  Composition as Written,
} from "./gen/mesh/v1/config_pb.ts";
import type { Place } from "./place.ts";

/** Services of a target, as the configuration has them. */
export interface Forward {
  readonly match: string;
  readonly target: string;
  readonly host: string | undefined;
  readonly prefix: string | undefined;
  readonly place: Place;
}

/** The part of `serve`'s options that GatewayConfig holds. */
export function gatewayOptions(config: GatewayConfig, place: Place): ServeGatewayOptions {
  const { cors, trustedProxies, forwardedHeader, trailingSlash, compose, webSocket, docs } = config;
  const { connect, compression, strictBody, multipart, requestHeaders, responseHeaders } = config;
  const ssePingMs = place.durationOrZero("ssePing", config.ssePing);
  return {
    ...(cors && { cors: corsOptions(cors, place.at("cors")) }),
    ...(trustedProxies.length > 0 && { trustedProxies }),
    ...(forwardedHeader !== undefined && {
      forwardedHeader: choice<ForwardedHeader>(place, "forwardedHeader", forwardedHeader, ["x-forwarded", "forwarded"]),
    }),
    ...(trailingSlash !== undefined && {
      trailingSlash: choice<TrailingSlash>(place, "trailingSlash", trailingSlash, ["ignore", "strict", "redirect"]),
    }),
    ...(compose.length > 0 && { compose: compose.map((one, n) => composition(one, place.at(`compose[${n}]`))) }),
    ...(webSocket && { webSocket: webSocketOptions(webSocket, place.at("webSocket")) }),
    ...(docs && { docs: docsOptions(docs, place.at("docs")) }),
    ...(connect !== undefined && { connect }),
    ...(compression !== undefined && { compression }),
    ...(ssePingMs !== undefined && { ssePingMs: ssePingMs || Number.POSITIVE_INFINITY }),
    ...(strictBody !== undefined && { strictBody }),
    ...(multipart !== undefined && { multipart }),
    ...(requestHeaders.length > 0 && { requestHeaders: names(place, "requestHeaders", requestHeaders) }),
    ...(responseHeaders.length > 0 && { responseHeaders: names(place, "responseHeaders", responseHeaders) }),
  };
}

/** Names of headers that are metadata too. Source: gRPC over HTTP/2, "Custom-Metadata". */
function names(place: Place, key: string, given: readonly string[]): readonly string[] {
  for (const [index, name] of given.entries()) {
    if (!/^[\w.-]+$/.test(name))
      throw place.error(`${key}[${index}]`, `is ${JSON.stringify(name)}: use the name of a header, such as "x-tenant"`);
  }
  return given;
}

function choice<T extends string>(place: Place, key: string, value: string, allowed: readonly T[]): T {
  if (allowed.includes(value as T)) return value as T;
  throw place.error(key, `is none of ${allowed.map((one) => JSON.stringify(one)).join(", ")}`);
}

function corsOptions({ origins, headers, exposeHeaders, credentials, maxAge }: CorsConfig, place: Place): CorsOptions {
  if (origins.length === 0) throw place.error("origins", "is missing");
  const maxAgeMs = place.duration("maxAge", maxAge);
  if (maxAgeMs !== undefined && maxAgeMs % 1000 !== 0) throw place.error("maxAge", "is no number of whole seconds");
  return { origins, headers, exposeHeaders, credentials, maxAgeSeconds: maxAgeMs && maxAgeMs / 1000 };
}

function webSocketOptions(config: WebSocketConfig, place: Place): WebSocketOptions {
  const { origins, cookie, ping, connectionAge } = config;
  const options = {
    ...(origins.length > 0 && { origins }),
    cookie,
    pingMs: place.durationOrZero("ping", ping),
    maxConnectionAgeMs: place.duration("connectionAge", connectionAge),
  };
  inPlace(place, "gateway", () => readWebSocketOptions(options, "gateway"));
  return options;
}

/** The document is read with the configuration, so that errors name the key. */
function docsOptions({ documentFile, path, auth }: DocsConfig, place: Place): DocsOptions {
  place.required({ documentFile });
  place.read("documentFile", documentFile);
  const options = {
    document: place.path(documentFile),
    path,
    ...(auth && { auth: { providers: auth.providers, scopes: auth.scopes, audiences: auth.audiences } }),
  };
  inPlace(place, "createGateway: docs", () => docsOf(options));
  return options;
}

/** Runs a check of options; what it says of `where` is said of the place. */
function inPlace(place: Place, where: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    const { message } = error as Error;
    throw place.error("", message.replace(where, "").replace(/^[.:\s]+/, ""), error);
  }
}

function composition({ get, parts }: Written, place: Place): Composition {
  place.required({ get });
  return {
    get,
    where: place.text,
    parts: Object.fromEntries(
      Object.entries(parts).map(([name, part]) => [name, partOf(part, place.at(`parts.${name}`))]),
    ),
  };
}

function partOf(part: CompositionPart, place: Place): Composition["parts"][string] {
  const { method, request, optional } = part;
  place.required({ method });
  return {
    method,
    ...(request && { request: request as JsonObject }),
    ...(optional !== undefined && { optional }),
    ...(part.default && { default: toJson(ValueSchema, part.default) }),
  };
}

/** The services that are forwarded. Throws a ConfigError when a target is not there. */
export function forwardsOf(
  config: GatewayConfig | undefined,
  targets: readonly string[],
  place: Place,
): readonly Forward[] {
  return (config?.services ?? []).map(({ service, target, host, prefix }, index) => {
    const here = place.at(`services[${index}]`);
    here.required({ service, target });
    if (!/^(?:\*|[\w.]+(?:\.\*)?)$/.test(service))
      throw here.error("service", `is ${JSON.stringify(service)}: write a service's full name, "<package>.*" or "*"`);
    if (!targets.includes(target)) {
      const meant = nearest(target, targets);
      throw here.error(
        "target",
        `no target is named ${JSON.stringify(target)}${meant ? `, did you mean ${meant}?` : `. Named are: ${targets.join(", ") || "none"}`}`,
      );
    }
    return { match: service, target, host, prefix, place: here };
  });
}

/** Which of the services go where. Throws a ConfigError when an entry is for none of them. */
export function forwardsTo(
  forwards: readonly Forward[],
  services: readonly ServiceSpec[],
  targets: readonly string[],
  place: Place,
  target: (name: string) => Target,
): readonly GatewayService[] {
  if (forwards.length === 0) {
    const [only, ...others] = targets;
    if (only === undefined)
      throw place.error("services", "is missing, and there is no target to send services to: add one to targets");
    if (others.length > 0)
      throw place.error("services", `is missing: say which services go to which of the targets ${targets.join(", ")}`);
    return services.map((spec) => ({ spec, target: target(only) }));
  }
  return forwards.flatMap(({ match, target: name, host, prefix, place: here }) => {
    const chosen = services.filter((service) => fits(match, service.name));
    if (chosen.length === 0) {
      const names = services.map((service) => service.name);
      const meant = nearest(match, names);
      throw here.error(
        "service",
        `there is no service ${match}${meant ? `, did you mean ${meant}?` : `. There are: ${names.join(", ") || "none"}`}`,
      );
    }
    return chosen.map((spec) => ({ spec, target: target(name), host, prefix }));
  });
}

const fits = (match: string, name: string): boolean =>
  match === "*" || match === name || (match.endsWith(".*") && name.startsWith(match.slice(0, -1)));
