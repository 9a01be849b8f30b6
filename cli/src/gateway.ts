import { type GatewayService, type LoadedConfig, loadConfig, type ServiceSpec, serve } from "@protomesh/runtime";
import { GenerationError } from "../../plugin/src/library.ts";
import { type Command, type Given, UsageError } from "./command.ts";
import { readDescriptorSet } from "./image.ts";
import { servicesOf } from "./services.ts";

const log = {
  info: (text: string) => console.log(text),
  warn: (text: string) => console.error(text),
  error: (text: string) => console.error(text),
};

/** Runs until a signal comes. */
export const gateway: Command = {
  summary: "Serves the HTTP routes of gRPC services that run elsewhere, with their policies.",
  examples: [
    "protomesh gateway --descriptor image.binpb --config mesh.yaml",
    "protomesh gateway --descriptor image.binpb --config mesh.yaml --check",
  ],
  flags: [
    {
      name: "descriptor",
      value: "file",
      text: "a descriptor set: buf build -o image.binpb, or protoc --include_imports --descriptor_set_out",
    },
    {
      name: "config",
      value: "file",
      text: "targets, and what goes where: mesh.v1.Config as YAML or JSON; also MESH_CONFIG",
    },
    { name: "listen", value: "address", text: "host:port or :port, in place of server.http; default 127.0.0.1:8080" },
    {
      name: "set",
      value: "key=value",
      many: true,
      text: "one value of the configuration, such as --set targets.shop.address=localhost:50051",
    },
    {
      name: "opt",
      value: "key=value",
      many: true,
      text: "a parameter of protoc-gen-mesh that concerns routes, such as --opt unannotated=post",
    },
    { name: "allow-faults", text: "lets overrides disturb calls on purpose in production" },
    { name: "check", text: "says whether everything fits, and listens to nothing" },
  ],
  notes: `A change of the configuration's overrides is taken over within two seconds. SIGTERM and SIGINT stop the gateway when the
requests under way are answered.`,
  async run(given) {
    const descriptor = given.one("descriptor");
    if (descriptor === undefined)
      throw new UsageError("--descriptor is missing: write the file by buf build -o image.binpb, and name it");
    const services = read(descriptor, given.all("opt"));
    const config = await loadConfig({
      args: forConfig(given),
      logger: log,
      onReload({ ok, changed }) {
        if (ok) log.info(`configuration taken over, changed: ${changed.join(", ") || "nothing"}`);
      },
    });
    try {
      await start({ listen: given.one("listen"), check: given.has("check") }, services, config);
    } catch (error) {
      await config.close();
      throw error;
    }
    return 0;
  },
};

/** The flags that the configuration reads itself. */
function forConfig(given: Given): string[] {
  const file = given.one("config");
  return [
    ...(file === undefined ? [] : ["--config", file]),
    ...given.all("set").flatMap((text) => ["--set", text]),
    ...(given.has("allow-faults") ? ["--allow-faults"] : []),
  ];
}

async function start(
  { listen, check }: { readonly listen: string | undefined; readonly check: boolean },
  services: readonly ServiceSpec[],
  config: LoadedConfig,
) {
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

function read(descriptor: string, options: readonly string[]): ServiceSpec[] {
  try {
    return servicesOf(readDescriptorSet(descriptor), options, log.warn);
  } catch (error) {
    if (!(error instanceof GenerationError)) throw error;
    throw new Error(`--descriptor ${descriptor}: ${error.message}`, { cause: error });
  }
}
