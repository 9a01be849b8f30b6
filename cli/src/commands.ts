import type { Command } from "./command.ts";

/** The commands by name. What one needs is loaded when it runs. */
export const commands: readonly {
  readonly name: string;
  /** For the overview. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}[] = [
  {
    name: "init",
    summary: "writes a project that works: proto file with policies, buf configuration, server, call",
    load: async () => (await import("./init.ts")).init,
  },
  {
    name: "generate",
    summary: "runs buf generate; with --check, says what is not up to date",
    load: async () => (await import("./generate.ts")).generate,
  },
  {
    name: "lint",
    summary: "finds what is wrong with policies, and what should be looked at",
    load: async () => (await import("./lint.ts")).lint,
  },
  {
    name: "diff",
    summary: "says what policies promise differently than another version does",
    load: async () => (await import("./diff.ts")).diff,
  },
  {
    name: "policy",
    summary: "shows the policy in force of every method, and who set what",
    load: async () => (await import("./policy.ts")).policy,
  },
  {
    name: "routes",
    summary: "lists the HTTP routes",
    load: async () => (await import("./routes.ts")).routes,
  },
  {
    name: "export",
    summary: "writes policies for Envoy, Istio, the Gateway API and clients of plain gRPC",
    load: async () => (await import("./export.ts")).exportCommand,
  },
  {
    name: "call",
    summary: "calls a gRPC method: JSON in, JSON out",
    load: async () => (await import("./call.ts")).call,
  },
  {
    name: "ping",
    summary: "asks a server whether it is healthy, and measures how long that takes",
    load: async () => (await import("./ping.ts")).ping,
  },
  {
    name: "gateway",
    summary: "serves the HTTP routes of gRPC services that run elsewhere",
    load: async () => (await import("./gateway.ts")).gateway,
  },
  {
    name: "completion",
    summary: "prints a script for bash, zsh or fish that completes command lines",
    load: async () => (await import("./completion.ts")).completionOf(commands),
  },
];
