import { choice, number } from "../core/fields.ts";
import type { Policy, Rule } from "../core/policy.ts";

/** How requests are compressed. Transports do it: the policy installs no layer. */
export interface CompressionConfig {
  readonly request: "IDENTITY" | "GZIP" | "DEFLATE";
  /** Smaller messages are sent as they are. */
  readonly minBytes: number;
}

const rules: readonly Rule<CompressionConfig>[] = [
  {
    id: "compression/never-large-enough",
    severity: "warning",
    purpose: "A request that is large enough to be compressed is allowed.",
    check: ({ request, minBytes }, { policy }) => {
      const { requestBytes } = (policy.limits ?? {}) as { readonly requestBytes?: number };
      return request !== "IDENTITY" && requestBytes !== undefined && minBytes > requestBytes
        ? `no request is compressed: limits.request_bytes (${requestBytes}) is below min_bytes (${minBytes}); lower min_bytes or remove compression`
        : undefined;
    },
  },
];

/** Compresses requests. Source: gRPC "Compression". */
export const compression: Policy<"compression", CompressionConfig> = {
  name: "compression",
  option: "compression",
  enabledBy: "request",
  fields: {
    request: choice("request"),
    minBytes: number("min_bytes", { min: 0, fallback: () => 1024 }),
  },
  rules,
  reference: {
    example: "compression: { request: GZIP min_bytes: 4096 }",
    errors: {
      UNIMPLEMENTED:
        "The server does not understand the encoding. Servers of this product understand GZIP and DEFLATE.",
    },
    outcomes: {},
    exports: {
      Envoy: "Filter `compressor` with `request_direction_config`, and `decompressor` where the server cannot inflate.",
      Istio: "An EnvoyFilter with the same filters.",
    },
  },
};
