import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import type { Target } from "../core/target.ts";
import { type ConnectOptions, connect } from "../grpc/connect.ts";
import type { ServeOptions } from "../serve/options.ts";
import { checkConfig } from "./check.ts";
import { type Forward, forwardsOf, gatewayOptions } from "./gateway.ts";
import { type Config, ConfigSchema } from "./gen/mesh/v1/config_pb.ts";
import type { Json } from "./injections.ts";
import { nodeOf } from "./node.ts";
import type { Outside } from "./outside.ts";
import { type Override, overridesOf } from "./overrides.ts";
import { Place } from "./place.ts";
import { providersOf } from "./providers.ts";
import { parseText } from "./read.ts";
import { serverOptions } from "./server.ts";
import { applySetting } from "./set.ts";

/** The part of `serve`'s options that a configuration holds. */
export type ServeSections = Pick<
  ServeOptions,
  "grpc" | "http" | "listen" | "gateway" | "tls" | "auth" | "drain" | "maxRequestBytes" | "health" | "reflection"
>;

/** A configuration with everything checked that can be checked without the services. */
export interface Sections {
  readonly serve: ServeSections;
  readonly targets: ReadonlyMap<string, () => Target>;
  readonly forwards: readonly Forward[];
  /** What is as it was at the start, or needs a restart, as it was written. */
  readonly fixed: { readonly [section in (typeof fixedSections)[number]]: JsonValue | undefined };
  /** Reads the overrides, which may refer to these targets. Throws a ConfigError. */
  overrides(targets: readonly string[]): readonly Override[];
  readonly place: Place;
}

/** The sections whose changes need a restart. */
export const fixedSections = ["server", "targets", "auth", "gateway"] as const;

/** Reads a configuration out of the file's text, with what command line and environment say on top. Throws a ConfigError. */
export async function sectionsOf(
  text: string | undefined,
  file: string | undefined,
  outside: Outside,
): Promise<Sections> {
  let root = text === undefined || file === undefined ? nodeOf({}, "configuration") : await parseText(text, file);
  for (const setting of outside.settings) root = applySetting(root, ConfigSchema, setting);
  const { json, places } = checkConfig(root, ConfigSchema);
  const { overrides = [], ...rest } = json;
  const config = fromJson(ConfigSchema, rest);
  const place = new Place({ file, places });
  const { server, targets, auth, gateway } = json;
  const byName = targetsOf(config, place);
  const noFaults =
    outside.production === undefined || outside.allowFaults
      ? undefined
      : `is refused, because ${outside.production}: remove it, or allow it by --allow-faults or MESH_ALLOW_FAULTS=true`;
  return {
    serve: {
      ...serverOptions(config.server, place.at("server")),
      ...(config.gateway && { gateway: gatewayOptions(config.gateway, place.at("gateway")) }),
      ...(config.auth && { auth: { providers: providersOf(config.auth, place.at("auth.providers")) } }),
    },
    targets: byName,
    forwards: forwardsOf(config.gateway, [...byName.keys()], place.at("gateway")),
    fixed: { server, targets, auth, gateway },
    overrides: (names) =>
      overridesOf(overrides as readonly Json[], place.at("overrides"), { targets: names, noFaults }),
    place,
  };
}

function targetsOf({ targets }: Config, place: Place): ReadonlyMap<string, () => Target> {
  const byName = new Map<string, () => Target>();
  targets.forEach(({ name, address, tls, connectTimeout }, index) => {
    const here = place.at(`targets[${index}]`);
    here.required({ name, address });
    if (byName.has(name)) throw here.error("name", `${JSON.stringify(name)} is taken: names must differ`);
    const options: ConnectOptions = {
      connectTimeoutMs: here.duration("connectTimeout", connectTimeout),
      tls: tls && {
        ca: here.path(tls.caFile),
        cert: here.path(tls.certFile),
        key: here.path(tls.keyFile),
        serverName: tls.serverName,
      },
    };
    byName.set(name, () => connect(address, options));
  });
  return byName;
}
