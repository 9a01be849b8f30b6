import type { HttpServer } from "./contender.ts";

type Servers = { readonly [name: string]: () => Promise<{ readonly server: HttpServer }> };

/** Servers that do the work themselves, by the name that tables use; loaded alone, so that no process carries another one's modules. */
export const inProcess = {
  "fastify, JSON schema": () => import("./stacks/fastify-schema.ts"),
  "protomesh gateway, in process": () => import("./stacks/gateway.ts"),
  "fastify, no checks": () => import("./stacks/fastify.ts"),
  "hono, no checks": () => import("./stacks/hono.ts"),
  "bare node:http, no checks": () => import("./stacks/bare.ts"),
  "connect-node, JSON": () => import("./stacks/connect.ts"),
} satisfies Servers;

/** Servers in front of the same gRPC service in another process. */
export const remote = {
  "node:http and grpc-js by hand": () => import("./stacks/remote-by-hand.ts"),
  "protomesh gateway": () => import("./stacks/remote-gateway.ts"),
  "grpc-gateway (Go)": () => import("./stacks/remote-grpc-gateway.ts"),
  "Envoy, grpc_json_transcoder": () => import("./stacks/remote-envoy.ts"),
} satisfies Servers;

export const servers = { ...inProcess, ...remote };

export type ServerName = keyof typeof servers;
