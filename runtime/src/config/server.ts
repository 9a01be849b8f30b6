import type { DrainOptions, HttpDoorOptions, ServeOptions } from "../serve/options.ts";
import type { LimitsConfig, ServerConfig } from "./gen/mesh/v1/config_pb.ts";
import type { Place } from "./place.ts";

/** The part of `serve`'s options that ServerConfig holds. */
export function serverOptions(
  config: ServerConfig | undefined,
  place: Place,
): Pick<ServeOptions, "grpc" | "http" | "listen" | "tls" | "drain" | "maxRequestBytes" | "health" | "reflection"> {
  if (!config) return {};
  const { grpc, http, listen, tls, drain, limits, health, reflection } = config;
  if (tls) place.at("tls").required({ certFile: tls.certFile, keyFile: tls.keyFile });
  return defined({
    grpc: grpc === undefined ? undefined : { address: grpc, ...grpcLimits(limits, place) },
    http: http === undefined ? undefined : { address: http, ...httpLimits(limits, place) },
    listen:
      listen === undefined
        ? undefined
        : { address: listen, ...httpLimits(limits, place), ...grpcLimits(limits, place) },
    tls: tls && { cert: place.path(tls.certFile), key: place.path(tls.keyFile), ca: place.path(tls.clientCaFile) },
    drain:
      drain &&
      defined<DrainOptions>({
        lameDuckMs: place.duration("drain.lameDuck", drain.lameDuck),
        limitMs: place.duration("drain.limit", drain.limit),
      }),
    maxRequestBytes: limits?.requestBytes,
    health,
    reflection,
  });
}

const grpcLimits = (limits: LimitsConfig | undefined, place: Place) => ({
  maxConnectionAgeMs: place.duration("limits.connectionAge", limits?.connectionAge),
});

const httpLimits = (limits: LimitsConfig | undefined, place: Place): Omit<HttpDoorOptions, "address"> => ({
  maxHeaderBytes: limits?.headerBytes,
  headersTimeoutMs: place.duration("limits.headersTimeout", limits?.headersTimeout),
  requestTimeoutMs: place.duration("limits.requestTimeout", limits?.requestTimeout),
  keepAliveMs: place.duration("limits.keepAlive", limits?.keepAlive),
  sendTimeoutMs: place.duration("limits.sendTimeout", limits?.sendTimeout),
});

/** Without the keys that say nothing: spread over other options, they must not hide what those say. */
const defined = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
