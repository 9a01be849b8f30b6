import type { HttpRequest, RequestName } from "./requests.ts";

/** A server under comparison: it answers `GET /v1/tiny/{text}?number=` and `POST /v1/orders` with what it was sent. */
export interface HttpServer {
  /** Serves on a free port of the loopback and returns the port. */
  serve(): Promise<number>;
  /** Whether it looks at what it gets: such a server must refuse a wrong order with 400. */
  readonly checks: boolean;
  /** CPU time so far of what serves, in microseconds. Default: this process's. */
  cpuUs?(): number;
  /** How it has to be asked for the same. Default: as all others. */
  readonly requests?: { readonly [Name in RequestName]: HttpRequest };
  readonly wrong?: HttpRequest;
}
