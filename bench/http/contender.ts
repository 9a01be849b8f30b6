/** A server under comparison: it answers `GET /v1/tiny/{text}?number=` and `POST /v1/orders` with what it was sent. */
export interface HttpServer {
  /** Serves on a free port of the loopback and returns the port. */
  serve(): Promise<number>;
  /** Whether it looks at what it gets: such a server must refuse a wrong order with 400. */
  readonly checks: boolean;
}
