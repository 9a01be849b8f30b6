import type { RequestListener } from "node:http";
import type { TlsOptions } from "node:tls";
import { type ConnectDoor, createConnect } from "../connect/connect.ts";
import { loadConnect } from "../connect/library.ts";
import { systemClock } from "../core/clock.ts";
import type { GatewayService } from "../gateway/endpoint.ts";
import { createGateway, type Gateway } from "../gateway/gateway.ts";
import { listenGrpc } from "../grpc/server.ts";
import { readServerTls, type ServerTls } from "../grpc/tls.ts";
import { localTarget } from "../in-process.ts";
import type { ServedMethod } from "../server.ts";
import type { HealthState } from "../services/health.ts";
import { type Address, formatAddress, parseAddress } from "./address.ts";
import type { Door } from "./drain.ts";
import { mountAll, withoutMounts } from "./gateway-options.ts";
import { withHealth } from "./health-endpoint.ts";
import { listenHttp, urlOf } from "./http.ts";
import { OnePort } from "./one-port.ts";
import type { DoorOptions, HttpDoorOptions, ServeOptions } from "./options.ts";

/** The doors that are open, and where. */
export interface Doors {
  readonly grpc: Address | undefined;
  readonly http: (Address & { readonly url: string }) | undefined;
  readonly doors: readonly Door[];
}

type Served = ReadonlyMap<string, ServedMethod>;

/** Opens the doors that the options name. When one cannot be opened, none stays open. */
export async function openDoors(options: ServeOptions, served: Served, health: HealthState): Promise<Doors> {
  if (options.listen !== undefined) return openOne(options, settings(options, "listen"), served, health);
  const grpc = options.grpc === undefined ? undefined : await openGrpc(options, settings(options, "grpc"), served);
  try {
    const http =
      options.http === undefined ? undefined : await openHttp(options, settings(options, "http"), served, health);
    return { grpc: grpc?.at, http: http?.at, doors: [grpc, http].flatMap((open) => open?.door ?? []) };
  } catch (error) {
    grpc?.door.destroy();
    throw error;
  }
}

/** A door's options: its own, and what it shares with the other. */
function settings<Key extends "grpc" | "http" | "listen">(options: ServeOptions, key: Key) {
  const given = options[key] as NonNullable<ServeOptions[Key]>;
  const own: DoorOptions = typeof given === "object" ? given : { address: given };
  const tls: ServerTls | undefined = own.tls === false ? undefined : (own.tls ?? options.tls);
  return { own: own as Exclude<NonNullable<ServeOptions[Key]>, string | number>, tls, where: `serve: ${key}` };
}

async function openGrpc(
  options: ServeOptions,
  { own, tls, where }: ReturnType<typeof settings<"grpc">>,
  served: Served,
) {
  const door = await listenGrpc(served, {
    address: isSocketFile(own.address) ? own.address : formatAddress(parseAddress(own.address, where)),
    tls,
    maxReceiveBytes: options.maxRequestBytes,
    maxConnectionAgeMs: own.maxConnectionAgeMs,
    onError: options.onError,
  });
  return { at: { host: door.host, port: door.port }, door };
}

const isSocketFile = (address: string | number): address is string => String(address).startsWith("unix:");

async function openHttp(
  options: ServeOptions,
  { own, tls, where }: ReturnType<typeof settings<"http">>,
  served: Served,
  health: HealthState,
) {
  const web = await openWeb(options, own, served, health);
  const server = await listenHttp(web.handler, {
    address: parseAddress(own.address, where),
    limits: own,
    tls: tls && tlsOptions(tls, where),
    onUpgrade: web.onUpgrade,
    where,
  });
  const at = { host: server.host, port: server.port };
  const door: Door = {
    leave: () => server.leave(),
    drain: () => Promise.all([server.drain(), web.idle()]).then(() => {}),
    end: (which) => web.end(which),
    destroy: () => server.destroy(),
  };
  return { at: { ...at, url: urlOf(at, tls !== undefined) }, door };
}

/** Everything at one port. */
async function openOne(
  options: ServeOptions,
  { own, tls, where }: ReturnType<typeof settings<"listen">>,
  served: Served,
  health: HealthState,
): Promise<Doors> {
  const web = await openWeb(options, own, served, health);
  const address = formatAddress(parseAddress(own.address, where));
  const share = new OnePort({
    handler: web.handler,
    onUpgrade: web.onUpgrade,
    limits: own,
    tls: tls && tlsOptions(tls, where),
  });
  const grpc = await listenGrpc(served, {
    address,
    where,
    share,
    maxReceiveBytes: options.maxRequestBytes,
    maxConnectionAgeMs: own.maxConnectionAgeMs,
    onError: options.onError,
  });
  const at = { host: grpc.host, port: grpc.port };
  const door: Door = {
    leave: () => share.leave(),
    drain: () => Promise.all([grpc.drain(), web.idle()]).then(() => {}),
    end(which) {
      grpc.end(which);
      web.end(which);
    },
    destroy() {
      grpc.destroy();
      share.destroy();
    },
  };
  return { grpc: at, http: { ...at, url: urlOf(at, tls !== undefined) }, doors: [door] };
}

/** What answers requests by HTTP. */
async function openWeb(options: ServeOptions, own: HttpDoorOptions, served: Served, health: HealthState) {
  const here = localTarget(served, options.clock);
  const { services = [], forward = [], policies, gateway: shared = {} } = options;
  const all = [
    ...services.map(({ spec }) => ({ spec, target: here, client: { policies } })),
    ...forward.map((one) => ({ ...one, client: { policies, ...one.client } })),
  ];
  const gateway = createGateway(all, {
    ...withoutMounts(options.gateway),
    auth: options.auth,
    maxRequestBytes: options.maxRequestBytes,
    requestHeaders: [
      ...(shared.requestHeaders ?? []),
      ...(own.requestHeaders ?? []),
      ...credentialHeaders(options.auth),
    ],
    responseHeaders: [...(shared.responseHeaders ?? []), ...(own.responseHeaders ?? [])],
    onError: options.onError,
    clock: options.clock,
  });
  mountAll(gateway, options.gateway);
  const connect = (own.connect ?? options.gateway?.connect) ? await openConnect(options, all, gateway) : undefined;
  const { health: checks = true } = options;
  return {
    handler: checks ? withHealth(health, gateway) : (gateway as RequestListener),
    onUpgrade: options.gateway?.webSocket ? gateway.upgrade : undefined,
    end(which: "streams" | "all") {
      connect?.end(which);
      gateway.end(which);
    },
    idle: () => gateway.idle(),
  };
}

/** Connect and gRPC-Web beside the routes, so that what holds for these holds for those: CORS, proxies, the log. */
async function openConnect(
  { maxRequestBytes = 4 * 1024 * 1024, clock = systemClock, onError = () => {} }: ServeOptions,
  services: readonly GatewayService[],
  gateway: Gateway,
): Promise<ConnectDoor> {
  const connect = createConnect(services, await loadConnect(), { maxRequestBytes, clock, onError });
  for (const path of connect.paths) gateway.mount(path, connect.handle, { keepPath: true, endsItself: true });
  return connect;
}

/** What the configured providers read, so that a credential works at both doors. */
const credentialHeaders = (auth: ServeOptions["auth"]): readonly string[] =>
  Object.values(auth?.providers ?? {}).flatMap(({ headers = [] }) => headers);

function tlsOptions(tls: ServerTls, where: string): TlsOptions {
  const { ca, key, cert, mutual } = readServerTls(tls, where);
  return { key, cert, requestCert: mutual, rejectUnauthorized: mutual, ...(ca && { ca }) };
}
