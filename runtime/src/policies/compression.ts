import { choice, number } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";

/** How requests are compressed. Transports do it: the policy installs no layer. */
export interface CompressionConfig {
  readonly request: "IDENTITY" | "GZIP" | "DEFLATE";
  /** Smaller messages are sent as they are. */
  readonly minBytes: number;
}

/** Compresses requests. Source: gRPC "Compression". */
export const compression: Policy<"compression", CompressionConfig> = {
  name: "compression",
  option: "compression",
  enabledBy: "request",
  fields: {
    request: choice("request"),
    minBytes: number("min_bytes", { min: 0, fallback: () => 1024 }),
  },
  reference: { example: "", errors: {}, outcomes: {}, exports: {} },
};
