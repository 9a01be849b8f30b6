import type { Config, Place } from "@protomesh/runtime/config";
import type { Address, Cors, Listener } from "./deployment.ts";

type Server = Config["server"];
type CorsConfig = NonNullable<NonNullable<Config["gateway"]>["cors"]>;

/** What a gRPC name stands for. Throws a ConfigError. Source: gRPC Name Resolution. */
export function addressesOf(address: string, place: Place): readonly [Address, ...Address[]] {
  const [, scheme, rest] = /^(dns|ipv4|ipv6):(?:\/\/[^/]*\/)?(.+)$/.exec(address) ?? [];
  if (scheme === undefined && /^[a-z][\w+.-]*:(?!\d+$)/i.test(address))
    throw place.error("address", 'leads nowhere that exports can name: write "host:port", "dns:///host:port" or ipv4:');
  const texts = scheme === "ipv4" || scheme === "ipv6" ? (rest as string).split(",") : [rest ?? address];
  return texts.map((text) => {
    const [, host, port] = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
    const number = Number(port ?? 443);
    if (host === undefined || number < 1 || number > 65_535)
      throw place.error("address", `is ${JSON.stringify(address)}: write "host:port" or "dns:///host:port"`);
    return { host: host.replace(/^\[|\]$/g, ""), port: number };
  }) as [Address, ...Address[]];
}

/** Where a proxy listens: at `listen`, else at `http`, else at `grpc`. */
export function listenerOf(server: Server, place: Place): Listener | undefined {
  const key = (["listen", "http", "grpc"] as const).find((one) => server?.[one] !== undefined);
  if (server === undefined || key === undefined) return undefined;
  const [, host, port] = /^(\[[^\]]+\]|[^:]*):(\d{1,5})$/.exec(server[key] as string) ?? [];
  if (host === undefined || Number(port) > 65_535)
    throw place.error(key, `is ${JSON.stringify(server[key])}: write "host:port" or ":port"`);
  const { tls } = server;
  if (tls) place.at("tls").required({ certFile: tls.certFile, keyFile: tls.keyFile });
  return {
    host: host.replace(/^\[|\]$/g, "") || "127.0.0.1",
    port: Number(port),
    tls: tls && {
      certFile: tls.certFile,
      keyFile: tls.keyFile,
      ...(tls.clientCaFile !== undefined && { clientCaFile: tls.clientCaFile }),
    },
  };
}

/** Which pages may call. Throws a ConfigError. */
export function corsOf({ origins, headers, exposeHeaders, credentials, maxAge }: CorsConfig, place: Place): Cors {
  if (origins.length === 0) throw place.error("origins", "is missing");
  if (credentials && origins.includes("*"))
    throw place.error("credentials", 'cannot be true with the origin "*": name the origins');
  const maxAgeMs = place.duration("maxAge", maxAge) ?? 600_000;
  return {
    origins,
    headers,
    exposeHeaders,
    credentials: credentials ?? false,
    maxAgeSeconds: Math.round(maxAgeMs / 1000),
  };
}
