import type { Comparison } from "../compare.ts";
import { workloads } from "./load.ts";
import { stacks } from "./stacks.ts";

/** Generated clients and servers next to hand-written grpc-js and two libraries. */
export const rpc: Comparison = {
  title: "RPC",
  folder: "rpc",
  contenders: Object.keys(stacks),
  baseline: "raw grpc-js",
  workloads: Object.entries(workloads).map(([name, { unit }]) => ({ name, unit })),
};
