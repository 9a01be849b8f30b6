import { readFileSync } from "node:fs";
import { type Config, ConfigError, type Place, readConfig } from "@protomesh/runtime/config";
import { GenerationError } from "../generation-error.ts";
import { yaml } from "../load-yaml.ts";
import { type Deployment, type Upstream, unknownDeployment } from "./deployment.ts";
import { addressesOf, corsOf, listenerOf } from "./read-addresses.ts";
import { providerOf } from "./read-providers.ts";
import { Names } from "./shared/kubernetes.ts";

/**
 * Reads a `mesh.v1.Config` for targets: `targets` and `gateway.services` say where services are, `auth.providers` whom to
 * trust, `server` where a proxy listens, `gateway.cors` which pages may call. `path` is relative to the folder in which the
 * program runs.
 *
 * Throws `GenerationError` that names file, line, key and remedy.
 */
export function readDeployment(path: string): Deployment {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new GenerationError(
      `parameter config=${path} cannot be read (${code}): give a path from the folder in which the compiler runs`,
    );
  }
  try {
    const { config, place } = readConfig(text, path, yaml);
    return deploymentOf(config, place, path);
  } catch (error) {
    if (error instanceof ConfigError) throw new GenerationError(error.message, { cause: error });
    throw error;
  }
}

function deploymentOf(config: Config, place: Place, file: string): Deployment {
  const losses: { place: Deployment["losses"][number]["place"]; text: string }[] = [];
  const lose = (at: Place, text: string) => losses.push({ place: positionOf(at, file), text });
  const upstreams = upstreamsOf(config, place);
  const routes = routesOf(config, upstreams, place, lose);
  const [only, ...others] = [...upstreams.values()];
  const providers = (config.auth?.providers ?? []).flatMap((provider, index) => {
    const at = place.at(`auth.providers[${index}]`);
    const known = providerOf(provider, at, (text) => lose(at, text));
    return known ? [[provider.name, known] as const] : [];
  });
  reportOwn(config, place, lose);
  config.overrides.forEach(({ match }, index) => {
    lose(place.at(`overrides[${index}]`), `is not exported: what the proto files say of ${match} is`);
  });
  return {
    upstreamOf(service) {
      const route = routes.find(({ fits }) => fits(service));
      if (route) return route.upstream;
      // As `protomesh gateway` does: a single target has everything that nothing else is said of.
      if (routes.length === 0 && only !== undefined && others.length === 0) return only;
      const unknown = unknownDeployment.upstreamOf(service);
      const name = namesOf(upstreams.values()).next(unknown.name);
      return { ...unknown, name, ...(only !== undefined && { guessed: true }) };
    },
    providers: new Map(providers),
    listener: listenerOf(config.server, place.at("server")),
    cors: config.gateway?.cors && corsOf(config.gateway.cors, place.at("gateway.cors")),
    losses,
  };
}

/** What is said of a server or gateway of ours, and means nothing elsewhere. */
function reportOwn({ server, gateway }: Config, place: Place, lose: (at: Place, text: string) => void): void {
  const taken = ["$typeName", "$unknown", "services", "cors", "listen", "http", "grpc", "tls"];
  for (const [name, section] of Object.entries({ server, gateway })) {
    const own = Object.entries(section ?? {})
      .filter(
        ([key, value]) => !taken.includes(key) && value !== undefined && !(Array.isArray(value) && value.length === 0),
      )
      .map(([key]) => key);
    if (own.length > 0) lose(place.at(name), `${own.join(", ")}: not exported, for it is about servers of Protomesh`);
  }
}

/** The names that upstreams have, as taken. */
function namesOf(upstreams: Iterable<Upstream>): Names {
  const names = new Names();
  for (const { name } of upstreams) names.next(name);
  return names;
}

function upstreamsOf({ targets }: Config, place: Place): ReadonlyMap<string, Upstream> {
  const byName = new Map<string, Upstream>();
  targets.forEach(({ name, address, tls, connectTimeout }, index) => {
    const here = place.at(`targets[${index}]`);
    here.required({ name, address });
    if (byName.has(name)) throw here.error("name", `${JSON.stringify(name)} is taken: names must differ`);
    const addresses = addressesOf(address, here);
    const [first] = addresses;
    byName.set(name, {
      // Names that differ by case or signs alone must not become one upstream.
      name: namesOf(byName.values()).next(name.toLowerCase().replace(/[^a-z\d]+/g, "-")),
      ...first,
      addresses,
      connectTimeoutMs: here.duration("connectTimeout", connectTimeout),
      tls: tls !== undefined,
      serverName: tls?.serverName,
      caFile: tls?.caFile,
      certFile: tls?.certFile,
      keyFile: tls?.keyFile,
    });
  });
  return byName;
}

interface Route {
  readonly fits: (service: string) => boolean;
  readonly upstream: Upstream;
}

function routesOf(
  { gateway }: Config,
  upstreams: ReadonlyMap<string, Upstream>,
  place: Place,
  lose: (at: Place, text: string) => void,
): readonly Route[] {
  return (gateway?.services ?? []).map(({ service, target, host, prefix }, index) => {
    const here = place.at(`gateway.services[${index}]`);
    here.required({ service, target });
    if (!/^(?:\*|[\w.]+(?:\.\*)?)$/.test(service))
      throw here.error("service", `is ${JSON.stringify(service)}: write a service's full name, "<package>.*" or "*"`);
    const upstream = upstreams.get(target);
    if (!upstream)
      throw here.error(
        "target",
        `no target is named ${JSON.stringify(target)}. Named are: ${[...upstreams.keys()].join(", ") || "none"}`,
      );
    if (host !== undefined) lose(here.at("host"), "is not exported: the routes are there for every host");
    if (prefix !== undefined) lose(here.at("prefix"), "is not exported: the paths begin as the proto files say");
    const fits = (name: string) =>
      service === "*" || service === name || (service.endsWith(".*") && name.startsWith(service.slice(0, -1)));
    return { fits, upstream };
  });
}

/** A place of the configuration as findings have it. */
function positionOf(place: Place, file: string): Deployment["losses"][number]["place"] {
  // What the place calls itself is `file:line: key`, or `file: key` where no line is known.
  const line = /:(\d+): /.exec(place.text)?.[1];
  return { source: file, line: Number(line ?? 1), column: 1, name: place.key };
}
