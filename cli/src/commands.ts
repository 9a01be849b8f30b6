import type { Command } from "./command.ts";

/** The commands by name. What one needs is loaded when it runs. */
export const commands: readonly {
  readonly name: string;
  /** For the overview. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}[] = [
  {
    name: "gateway",
    summary: "serves the HTTP routes of gRPC services that run elsewhere",
    load: async () => (await import("./gateway.ts")).gateway,
  },
];
