import type { CallOptions } from "../core/context.ts";
import type { ServiceSpec } from "../core/spec.ts";
import { esCodec } from "../messages/codec.ts";
import { defineService } from "../service.ts";
import { descriptorsOf } from "./descriptor-set.ts";
import {
  file_grpc_health_v1_health,
  type HealthCheckRequest,
  HealthCheckRequestSchema,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  type HealthListRequest,
  HealthListRequestSchema,
  type HealthListResponse,
  HealthListResponseSchema,
} from "./gen/grpc/health/v1/health_pb.ts";

/** `grpc.health.v1.Health`: tells whether a server, or one service of it, can do its work. */
export interface Health {
  /** The state of one service now; the empty name asks for the server as a whole. NOT_FOUND for an unknown name. */
  check(request: HealthCheckRequest, options?: CallOptions): Promise<HealthCheckResponse>;

  /** The state of everything the server knows. */
  list(request: HealthListRequest, options?: CallOptions): Promise<HealthListResponse>;

  /** The state now and after each change. An unknown name is SERVICE_UNKNOWN until the server knows it. */
  watch(request: HealthCheckRequest, options?: CallOptions): AsyncIterable<HealthCheckResponse>;
}

/** Who probes has no credentials: load balancers, orchestrators. The answers are names and states, no data. */
const policy = { auth: { access: "PUBLIC", providers: [], scopes: [], audiences: [] } } as const;

/** `grpc.health.v1.Health` as the runtime sees it. `createClient(Health, target)` asks another server how it is. */
export const Health: ServiceSpec<Health> = /*@__PURE__*/ defineService<Health>({
  format: 1,
  name: "grpc.health.v1.Health",
  descriptors: descriptorsOf(file_grpc_health_v1_health),
  methods: {
    check: {
      name: "Check",
      kind: "unary",
      idempotency: "NO_SIDE_EFFECTS",
      request: esCodec(HealthCheckRequestSchema),
      reply: esCodec(HealthCheckResponseSchema),
      policy,
    },
    list: {
      name: "List",
      kind: "unary",
      idempotency: "NO_SIDE_EFFECTS",
      request: esCodec(HealthListRequestSchema),
      reply: esCodec(HealthListResponseSchema),
      policy,
    },
    watch: {
      name: "Watch",
      kind: "serverStream",
      idempotency: "NO_SIDE_EFFECTS",
      request: esCodec(HealthCheckRequestSchema),
      reply: esCodec(HealthCheckResponseSchema),
      policy,
    },
  },
});
