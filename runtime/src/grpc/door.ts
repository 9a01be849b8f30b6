import { createServer, type ListenOptions, type Socket } from "node:net";

/** Where to listen: a host and a port, or the path of a unix socket. */
export type ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** Reads `host:port`, `port` for the loopback interface, or `unix:/path`. Throws a TypeError that shows the form. */
export function parseAddress(text: string, where: string): ListenAddress {
  if (text.startsWith("unix:")) return { path: text.slice("unix:".length) };
  const [, bracketed, plain, port = ""] = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text) ?? [];
  if (port === "" || Number(port) > 65_535)
    throw new TypeError(`${where}: the address must be host:port, such as 127.0.0.1:50051, with a port up to 65535`);
  return { host: bracketed ?? plain ?? "127.0.0.1", port: Number(port) };
}

/**
 * A listening socket and the connections that came in through it.
 *
 * grpc-js could listen itself, but it would not say which connections there are: one that never finishes its TLS
 * handshake would keep the server from closing.
 */
export class Door {
  readonly #server = createServer({ noDelay: true }, (socket) => this.#enter(socket));
  readonly #sockets = new Set<Socket>();
  #take: (socket: Socket) => void = (socket) => socket.destroy();
  #closed: Promise<void> | undefined;
  #at: ListenAddress = { host: "", port: 0 };

  /** The host or the `unix:` path it listens on. */
  get host(): string {
    return "path" in this.#at ? `unix:${this.#at.path}` : this.#at.host;
  }

  /** The port it listens on; 0 for a unix socket. */
  get port(): number {
    return "path" in this.#at ? 0 : this.#at.port;
  }

  /** Fails with an Error that names the address and the remedy. */
  async open(address: ListenAddress, where: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (error: NodeJS.ErrnoException) => {
        const reason = (error.code && remedies[error.code]) ?? error.message;
        reject(new Error(`cannot listen for ${where}: ${reason}`, { cause: error }));
      });
      this.#server.listen(address as ListenOptions, resolve);
    });
    this.#server.removeAllListeners("error");
    // A connection that breaks while it is accepted is the caller's trouble.
    this.#server.on("error", () => {});
    const bound = this.#server.address();
    this.#at = bound && typeof bound === "object" && "host" in address ? { ...address, port: bound.port } : address;
  }

  /** Who takes new connections. Until somebody does, they are closed. */
  onConnection(take: (socket: Socket) => void): void {
    this.#take = take;
  }

  /** Takes no new connections. Resolves when none is left. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#server.close(() => resolve()));
    return this.#closed;
  }

  /** Breaks every connection. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #enter(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    this.#take(socket);
  }
}

const remedies: { readonly [code: string]: string | undefined } = {
  EADDRINUSE: "the port is in use; stop the other process or choose another port (0 takes a free one)",
  EACCES: "this user may not use the port; choose one above 1023",
  EADDRNOTAVAIL: "this machine has no such address; use 127.0.0.1 for local callers or 0.0.0.0 for all",
  ENOTFOUND: "the host name is not known; use an IP address",
};
