import type { HttpServer } from "./contender.ts";

/** Every server by the name that tables use; loaded alone, so that no process carries another one's modules. */
export const servers = {
  "fastify, JSON schema": () => import("./stacks/fastify-schema.ts"),
  "protomesh gateway, in process": () => import("./stacks/gateway.ts"),
  "fastify, no checks": () => import("./stacks/fastify.ts"),
  "hono, no checks": () => import("./stacks/hono.ts"),
  "bare node:http, no checks": () => import("./stacks/bare.ts"),
} satisfies { readonly [name: string]: () => Promise<{ readonly server: HttpServer }> };

export type ServerName = keyof typeof servers;
