import type { Comparison } from "../compare.ts";
import { requests } from "./requests.ts";
import { inProcess, remote } from "./servers.ts";

const workloads = Object.keys(requests).map((name) => ({ name, unit: "request" }));

/** The gateway next to handlers written by hand. */
export const http: Comparison = {
  title: "HTTP",
  folder: "http",
  contenders: Object.keys(inProcess),
  baseline: "fastify, JSON schema",
  workloads,
};

/**
 * Gateways in front of one and the same service of grpc-js, whose own CPU time is not counted; and ours with the
 * implementation in its process, which none of the others can.
 */
export const gateways: Comparison = {
  title: "Gateways to a remote service",
  folder: "http",
  contenders: [...Object.keys(remote), "protomesh gateway, in process"],
  baseline: "node:http and grpc-js by hand",
  workloads,
};
