import type { Stack } from "./peer.ts";

/** Every stack by the name that tables use; loaded alone, so that no process carries another one's modules. */
export const stacks = {
  "raw grpc-js": () => import("./stacks/raw.ts"),
  "raw grpc-js, deadline + token": () => import("./stacks/raw-guarded.ts"),
  "protomesh, no policy": () => import("./stacks/mesh.ts"),
  "protomesh, full policy": () => import("./stacks/mesh-guarded.ts"),
  "protomesh, all policies": () => import("./stacks/mesh-all.ts"),
  "nice-grpc": () => import("./stacks/nice.ts"),
  "connect-node": () => import("./stacks/connect.ts"),
} satisfies { readonly [name: string]: () => Promise<{ readonly stack: Stack }> };

export type StackName = keyof typeof stacks;
