import { readFile } from "node:fs/promises";
import { type GatewayService, type LoadedConfig, loadConfig, type ServiceSpec, serve } from "@protomesh/runtime";
import { GenerationError } from "../../plugin/src/library.ts";
import { type GatewayArguments, parseGateway, UsageError } from "./arguments.ts";
import { servicesOf } from "./services.ts";

/** Help for `protomesh gateway`. */
export const gatewayHelp = `Serves the HTTP routes of gRPC services that run elsewhere, with their policies.

  protomesh gateway --descriptor image.binpb --config mesh.yaml

  --descriptor <file>   a descriptor set: buf build -o image.binpb, or protoc --include_imports --descriptor_set_out
  --config <file>       targets, and what goes where: mesh.v1.Config as YAML or JSON; also MESH_CONFIG
  --listen <address>    host:port or :port, in place of server.http; default 127.0.0.1:8080
  --set <key>=<value>   one value of the configuration, such as --set targets.shop.address=localhost:50051
  --opt <key>=<value>   a parameter of protoc-gen-mesh that concerns routes, such as --opt unannotated=post
  --check               says whether everything fits, and listens to nothing

A change of the configuration's overrides is taken over within two seconds. SIGTERM and SIGINT stop the gateway when the
requests under way are answered.`;

const log = {
  info: (text: string) => console.log(text),
  warn: (text: string) => console.error(text),
  error: (text: string) => console.error(text),
};

/** Runs until a signal comes. Fails when it cannot start. */
export async function gateway(args: readonly string[]): Promise<void> {
  const given = parseGateway(args);
  const services = await read(given);
  const config = await loadConfig({
    args: given.rest,
    logger: log,
    onReload({ ok, changed }) {
      if (ok) log.info(`configuration taken over, changed: ${changed.join(", ") || "nothing"}`);
    },
  });
  try {
    await start(given, services, config);
  } catch (error) {
    await config.close();
    throw error;
  }
}

async function start({ listen, check }: GatewayArguments, services: readonly ServiceSpec[], config: LoadedConfig) {
  const [unknown] = config.rest;
  if (unknown !== undefined) throw new UsageError(`unknown argument ${unknown}`);
  const forward = config.forward(services);
  const routes = forward.reduce((sum, service) => sum + routesOf(service), 0);
  if (routes === 0 && !config.serve.gateway?.connect)
    throw new Error(
      "no method has a route: annotate them with google.api.http, give --opt unannotated=post, or set gateway.connect",
    );
  const { http, listen: onePort, grpc: _, ...options } = config.serve;
  const server = await serve({
    ...options,
    ...(check
      ? { http: "127.0.0.1:0" }
      : listen === undefined && onePort !== undefined
        ? { listen: onePort }
        : { http: at(http, listen) }),
    forward,
    logger: log,
  });
  if (check) {
    await server.stop({ force: true });
    await config.close();
    return log.info(`everything fits: ${summary(forward, routes)}`);
  }
  void server.stopped.then(config.close);
  log.info(`listening on ${server.http?.url}: ${summary(forward, routes)}`);
}

/** The limits of the configuration hold at another address as well. */
function at(configured: LoadedConfig["serve"]["http"], listen: string | undefined) {
  if (typeof configured !== "object") return listen ?? configured ?? "127.0.0.1:8080";
  return { ...configured, ...(listen !== undefined && { address: listen }) };
}

const routesOf = ({ spec }: GatewayService): number =>
  Object.values(spec.methods).reduce((sum, { routes }) => sum + routes.length, 0);

const summary = (forward: readonly GatewayService[], routes: number): string =>
  `${routes} routes of ${new Set(forward.map(({ spec }) => spec.name)).size} services`;

async function read({ descriptor, options }: GatewayArguments): Promise<ServiceSpec[]> {
  let image: Uint8Array;
  try {
    image = await readFile(descriptor);
  } catch (cause) {
    throw new Error(`--descriptor ${descriptor}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  try {
    return servicesOf(image, options, log.warn);
  } catch (error) {
    if (error instanceof GenerationError)
      throw new Error(`--descriptor ${descriptor}: ${error.message}`, { cause: error });
    throw error;
  }
}
