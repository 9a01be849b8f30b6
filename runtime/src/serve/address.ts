/** Where to listen. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** This machine only: whoever wants to be reached from elsewhere says so. */
const loopback = "127.0.0.1";

/**
 * Reads `8080`, `":8080"`, `"127.0.0.1:8080"`, `"[::1]:8080"` or `"0.0.0.0:8080"`. Without a host: loopback.
 * Port 0: any free one. Throws a TypeError that names the option.
 */
export function parseAddress(value: string | number, option: string): Address {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.%]+)\]|([^[\]:\s/]*)):(\d{1,5})$/.exec(withColon(value)) ?? [];
  const port = Number(digits);
  if (!(port <= 65_535)) {
    throw new TypeError(
      `${option}: ${JSON.stringify(value)} is not an address: use a port such as 8080, or "host:port" such as "0.0.0.0:8080" or "[::]:8080"`,
    );
  }
  return { host: bracketed ?? (plain || loopback), port };
}

const withColon = (value: string | number): string => (/^\d+$/.test(String(value)) ? `:${value}` : String(value));

/** The way back, for messages and URLs. */
export const formatAddress = ({ host, port }: Address): string => `${host.includes(":") ? `[${host}]` : host}:${port}`;

/** Turns why listening failed into what to do about it. */
export function listenError(error: unknown, address: Address, option: string): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = (code && remedies[code]) ?? message;
  return new Error(`${option}: cannot listen on ${formatAddress(address)}: ${reason}`, { cause: error });
}

const remedies: { readonly [code: string]: string | undefined } = {
  EADDRINUSE: "the port is in use; stop the other process or choose another port (0 takes a free one)",
  EACCES: "this user may not use the port; choose one above 1023",
  EADDRNOTAVAIL: "this machine does not have the address; use 127.0.0.1, 0.0.0.0 or one of its own",
  ENOTFOUND: "the host name is not known; use an IP address",
};
