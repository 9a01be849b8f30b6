import { type ChannelOptions, compressionAlgorithms } from "@grpc/grpc-js";
import { RpcError } from "../core/error.ts";
import { checkKeys, keysOf } from "../core/known-keys.ts";
import type { Handler } from "../core/layer.ts";
import type { MethodSpec } from "../core/spec.ts";
import type { Target } from "../core/target.ts";
import { balancing } from "./balance.ts";
import { clientHandler } from "./client.ts";
import { Lane } from "./lane.ts";
import { type Keepalive, keepaliveOptions, positive, sizeOptions } from "./options.ts";
import { type Link, type Way, wayOf } from "./plan.ts";
import { type ClientTls, clientCredentials } from "./tls.ts";

/** How to reach a gRPC server. */
export interface ConnectOptions {
  /** TLS, or true for TLS that trusts what Node.js trusts. Default: plain text. */
  readonly tls?: ClientTls | true | undefined;
  /**
   * How long a call may wait for a connection, in milliseconds. Default: 5000.
   *
   * Fails with UNAVAILABLE, naming the address, even when the call's own deadline is later.
   */
  readonly connectTimeoutMs?: number | undefined;
  /** The largest message that is accepted, in bytes. Default: 4 MiB. Fails with RESOURCE_EXHAUSTED. */
  readonly maxReceiveBytes?: number | undefined;
  /** The largest message that is sent, in bytes. Default: no limit. Fails with RESOURCE_EXHAUSTED. */
  readonly maxSendBytes?: number | undefined;
  /** Pings that find dead connections. Default: none. Servers may refuse more than one in five minutes. */
  readonly keepalive?: Keepalive | undefined;
}

/**
 * A gRPC server as a target for clients. Connects at the first call, reconnects when the connection is lost, and
 * carries any number of calls at once. It does not keep the process alive by itself.
 *
 * `address` is `host:port`, or a gRPC name such as `dns:///users:8080` or `unix:/run/users.sock`.
 * Throws when the address or the TLS files cannot be used.
 */
export function connect(address: string, options: ConnectOptions = {}): Target {
  return new Connection(address, options);
}

/** gRPC's own maximum, two minutes, would keep callers waiting long after the peer is back. */
const reconnect = { "grpc.initial_reconnect_backoff_ms": 200, "grpc.max_reconnect_backoff_ms": 5_000 };

const known = {
  connect: keysOf<ConnectOptions>({
    tls: true,
    connectTimeoutMs: true,
    maxReceiveBytes: true,
    maxSendBytes: true,
    keepalive: true,
  }),
  tls: keysOf<ClientTls>({ ca: true, cert: true, key: true, serverName: true }),
  keepalive: keysOf<Keepalive>({ timeMs: true, timeoutMs: true, withoutCalls: true }),
};

const algorithms = { GZIP: compressionAlgorithms.gzip, DEFLATE: compressionAlgorithms.deflate };

class Connection implements Target, Link {
  readonly name: string;
  readonly local = false;
  /** Made when a call needs it: grpc-js compresses all calls of a channel or none, and chooses addresses in one way. */
  readonly #lanes = new Map<string, Lane>();
  readonly #open: (way: Way) => Lane;
  #running = 0;
  #refusal: RpcError | undefined;
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  constructor(address: string, options: ConnectOptions) {
    const where = `connect(${JSON.stringify(address)})`;
    checkAddress(address, where);
    // A misspelt tls would send credentials in clear.
    checkKeys(options, known.connect, where);
    if (typeof options.tls === "object") checkKeys(options.tls, known.tls, `${where}: tls`);
    if (options.keepalive) checkKeys(options.keepalive, known.keepalive, `${where}: keepalive`);
    this.name = address;
    const connectTimeoutMs = positive(options.connectTimeoutMs, "connectTimeoutMs", where) ?? 5_000;
    const serverName = options.tls === true ? undefined : options.tls?.serverName;
    const channelOptions: ChannelOptions = {
      // A service config from DNS could add a second retry loop below ours.
      "grpc.service_config_disable_resolution": 1,
      "grpc.enable_channelz": 0,
      // Closing this connection closes its socket, and nobody else's options are shared.
      "grpc.use_local_subchannel_pool": 1,
      ...reconnect,
      ...sizeOptions(options, where),
      ...keepaliveOptions(options.keepalive, where),
      ...(serverName && { "grpc.ssl_target_name_override": serverName, "grpc.default_authority": serverName }),
    };
    const credentials = clientCredentials(options.tls, where);
    this.#open = ({ encoding, picker }) => {
      const compression = encoding !== "IDENTITY" && { "grpc.default_compression_algorithm": algorithms[encoding] };
      const balance = picker !== "PICK_FIRST" && balancing(picker);
      return new Lane(address, credentials, { ...channelOptions, ...compression, ...balance }, connectTimeoutMs);
    };
    try {
      this.lane(wayOf("IDENTITY", "PICK_FIRST"));
    } catch (error) {
      throw new TypeError(`${where}: ${(error as Error).message}`, { cause: error });
    }
  }

  handler(method: MethodSpec): Handler {
    return clientHandler(this, method);
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#refusal = new RpcError("UNAVAILABLE", `${this.name}: the connection was closed by close()`, {
        origin: "transport",
      });
      this.#idle = () => {
        for (const lane of this.#lanes.values()) lane.close();
        resolve();
      };
      if (this.#running === 0) this.#idle();
    });
    return this.#closing;
  }

  lane(way: Way): Lane {
    let lane = this.#lanes.get(way.name);
    if (!lane) {
      lane = this.#open(way);
      this.#lanes.set(way.name, lane);
    }
    return lane;
  }

  get refusal(): RpcError | undefined {
    return this.#refusal;
  }

  started(): void {
    this.#running += 1;
  }

  ended(): void {
    this.#running -= 1;
    if (this.#running === 0) this.#idle?.();
  }
}

/** Catches what grpc-js would take for a host name and fail on much later. */
function checkAddress(address: string, where: string): void {
  if (/^https?:\/\//i.test(address))
    throw new TypeError(`${where}: write host:port without http://, and set tls for an encrypted connection`);
  const named = /^(dns|ipv4|ipv6|unix|unix-abstract|xds):/i.test(address);
  if (!named && !/^(\[[^\]]+\]|[^:]+):\d{1,5}$/.test(address))
    throw new TypeError(`${where}: the address must be host:port, such as localhost:50051`);
}
