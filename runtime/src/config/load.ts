import type { Target } from "../core/target.ts";
import { type ConnectOptions, connect } from "../grpc/connect.ts";
import type { ServeOptions } from "../serve/options.ts";
import { type Config, ConfigSchema } from "./gen/mesh/v1/config_pb.ts";
import { Place } from "./place.ts";
import { providersOf } from "./providers.ts";
import { ConfigError, readMessage } from "./read.ts";
import { serverOptions } from "./server.ts";

/** What a configuration file says, as options. */
export interface LoadedConfig {
  /** For `serve({ ...config.serve, services: [...] })`. */
  readonly serve: Pick<
    ServeOptions,
    "grpc" | "http" | "tls" | "auth" | "drain" | "maxRequestBytes" | "health" | "reflection"
  >;
  /** The names of the targets. */
  readonly targets: readonly string[];
  /** Connects to the target of this name. Throws when there is none. */
  connect(name: string): Target;
}

/**
 * Reads a `mesh.v1.Config` in ProtoJSON. Files that it names are relative to its folder.
 *
 * Fails with an Error that names the file, the key and the remedy; a key that does not exist is one.
 */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  const config = await readMessage(ConfigSchema, file);
  const place = new Place(file);
  const targets = targetsOf(config, place);
  return {
    serve: {
      ...serverOptions(config.server, place.at("server")),
      ...(config.auth && { auth: { providers: providersOf(config.auth, place.at("auth.providers")) } }),
    },
    targets: [...targets.keys()],
    connect(name) {
      const target = targets.get(name);
      if (target) return connect(target.address, target.options);
      const known = [...targets.keys()].join(", ") || "none";
      throw new ConfigError(file, "targets", `no target is named ${JSON.stringify(name)}. Named are: ${known}`);
    },
  };
}

function targetsOf({ targets }: Config, place: Place) {
  const byName = new Map<string, { readonly address: string; readonly options: ConnectOptions }>();
  targets.forEach(({ name, address, tls, connectTimeout }, index) => {
    const here = place.at(`targets[${index}]`);
    here.required({ name, address });
    if (byName.has(name)) throw here.error("name", `${JSON.stringify(name)} is taken: names must differ`);
    byName.set(name, {
      address,
      options: {
        connectTimeoutMs: here.duration("connectTimeout", connectTimeout),
        tls: tls && {
          ca: here.path(tls.caFile),
          cert: here.path(tls.certFile),
          key: here.path(tls.keyFile),
          serverName: tls.serverName,
        },
      },
    });
  });
  return byName;
}
