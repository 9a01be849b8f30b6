/** A server under comparison: it answers `GET /v1/tiny/{text}?number=` and `POST /v1/orders` with what it was sent. */
export interface HttpServer {
  /** Serves on a free port of the loopback and returns the port. */
  serve(): Promise<number>;
  /** Whether it looks at what it gets: such a server must refuse a wrong order with 400. */
  readonly checks: boolean;
}

/** Every server by the name that tables use; loaded alone, so that no process carries another one's modules. */
export const servers = {
  "fastify, JSON schema": () => import("./stacks/fastify-schema.ts"),
  "protomesh gateway, in process": () => import("./stacks/gateway.ts"),
  "fastify, no checks": () => import("./stacks/fastify.ts"),
  "hono, no checks": () => import("./stacks/hono.ts"),
  "bare node:http, no checks": () => import("./stacks/bare.ts"),
} satisfies { readonly [name: string]: () => Promise<{ readonly server: HttpServer }> };

export type ServerName = keyof typeof servers;
