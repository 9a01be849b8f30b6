import type { Comparison } from "../compare.ts";
import { requests } from "./requests.ts";
import { servers } from "./servers.ts";

/** The gateway next to handlers written by hand. */
export const http: Comparison = {
  title: "HTTP",
  folder: "http",
  contenders: Object.keys(servers),
  baseline: "fastify, JSON schema",
  workloads: Object.keys(requests).map((name) => ({ name, unit: "request" })),
};
