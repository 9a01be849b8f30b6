/** What reads a service config. */
export interface Dialect {
  /** A `google.protobuf.Duration` in JSON. */
  duration(ms: number): string;
  /** Whether sizes of messages are obeyed. */
  readonly sizes: boolean;
  /** Whether hedging keeps to `retryThrottling` and to a server's word. */
  readonly boundedHedging: boolean;
  /** Load balancers by their pickers; the others become `round_robin`. */
  readonly balancers: { readonly [picker: string]: string };
}

/** As gRPC specifies it. Source: grpc/service_config/service_config.proto. */
const spec: Dialect = {
  duration: (ms) => `${Number((Math.ceil(ms) / 1000).toFixed(3))}s`,
  sizes: true,
  boundedHedging: true,
  balancers: {
    PICK_FIRST: "pick_first",
    ROUND_ROBIN: "round_robin",
    LEAST_REQUEST: "least_request_experimental",
    WEIGHTED: "weighted_round_robin",
    RING_HASH: "ring_hash_experimental",
  },
};

/**
 * As `@grpc/grpc-js` reads it: what follows the point of a duration are nanoseconds there, however many digits it has; sizes are
 * read and not obeyed, and a balancer without registration is an error.
 */
const grpcJs: Dialect = {
  duration: (ms) => `${(Math.ceil(ms) / 1000).toFixed(9)}s`,
  sizes: false,
  boundedHedging: false,
  balancers: { PICK_FIRST: "pick_first", ROUND_ROBIN: "round_robin", WEIGHTED: "weighted_round_robin" },
};

/** By the value of the parameter `service_config`. */
export const dialects = { spec, "grpc-js": grpcJs } as const;
