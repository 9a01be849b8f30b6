/** A configuration for programs that read it and do not run by it, such as generators. Nothing here needs a wire. */
import { fromJson } from "@bufbuild/protobuf";
import { checkConfig } from "./check.ts";
import { type Config, ConfigSchema } from "./gen/mesh/v1/config_pb.ts";
import { parseJson } from "./json.ts";
import { Place } from "./place.ts";
import { providersOf } from "./providers.ts";
import { readYaml } from "./yaml.ts";

export { ConfigError } from "./error.ts";
export type { ApiKeyProvider, AuthProvider, Config, JwtProvider, MtlsProvider } from "./gen/mesh/v1/config_pb.ts";
export type { Place } from "./place.ts";

/** A configuration as it was written. */
export interface ConfigDocument {
  readonly config: Config;
  /** Where its keys are: for errors of the reader's own, and for files that it names. */
  readonly place: Place;
}

/**
 * Reads the text of a `mesh.v1.Config`: YAML when the file's name ends in `.yaml` or `.yml`, otherwise JSON. `yaml` gives
 * what the package `yaml` exports; it is asked for YAML alone.
 *
 * Throws a ConfigError that names line, key and remedy: for keys that do not exist, values of another type, and providers
 * that cannot be. Overrides are checked for their keys and types, not for what they say.
 */
export function readConfig(text: string, file: string, yaml: () => object): ConfigDocument {
  const plain = text.replace(/^\uFEFF/, "");
  const root = /\.ya?ml$/i.test(file) ? readYaml(yaml() as typeof import("yaml"), plain, file) : parseJson(plain, file);
  const { json, places } = checkConfig(root, ConfigSchema);
  const config = fromJson(ConfigSchema, json);
  const place = new Place({ file, places });
  if (config.auth) providersOf(config.auth, place.at("auth.providers"));
  return { config, place };
}
