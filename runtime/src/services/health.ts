import { create } from "@bufbuild/protobuf";
import type { Cancellation } from "../core/cancellation.ts";
import type { CallOptions } from "../core/context.ts";
import { RpcError } from "../core/error.ts";
import type { ServiceSpec } from "../core/spec.ts";
import { type Implementation, implement } from "../server.ts";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
  HealthListResponseSchema,
} from "./gen/grpc/health/v1/health_pb.ts";
import { Health } from "./health-spec.ts";

/** What a server says about itself or about one of its services. */
export type ServingStatus = "SERVING" | "NOT_SERVING" | "UNKNOWN";

/** What is known by each name, and who wants to hear of changes. */
export class HealthState {
  readonly #statuses = new Map<string, ServingStatus>();
  readonly #listeners = new Set<() => void>();
  #leaving = false;

  /** The server as a whole and these services, all SERVING. */
  constructor(services: Iterable<string>) {
    this.#statuses.set("", "SERVING");
    for (const service of services) this.#statuses.set(service, "SERVING");
  }

  /**
   * Says how a service is from now on. The empty name is the server as a whole; it does not change with the others.
   * Names that no service has are allowed: probes may ask for them. Once the server stops, nothing can be SERVING.
   */
  set(service: string | ServiceSpec, status: ServingStatus): void {
    if (status !== "SERVING" && status !== "NOT_SERVING" && status !== "UNKNOWN") {
      throw new TypeError(`${JSON.stringify(status)} is not a health status: use SERVING, NOT_SERVING or UNKNOWN`);
    }
    const name = typeof service === "string" ? service : service.name;
    this.#statuses.set(name, this.#leaving ? "NOT_SERVING" : status);
    this.#tell();
  }

  /** How a service is; undefined for an unknown name. */
  get(service: string): ServingStatus | undefined {
    return this.#statuses.get(service);
  }

  /** All names and how they are. */
  entries(): Iterable<readonly [string, ServingStatus]> {
    return this.#statuses.entries();
  }

  /** Everything is NOT_SERVING, for good. */
  leave(): void {
    this.#leaving = true;
    for (const name of this.#statuses.keys()) this.#statuses.set(name, "NOT_SERVING");
    this.#tell();
  }

  /** Runs the listener after every change. Returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** How many listen. For tests: zero when nobody watches any more. */
  get listening(): number {
    return this.#listeners.size;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Source: gRPC "Health Checking Protocol": List may refuse when there is too much to say. */
const mostListed = 100;

/** Serves `grpc.health.v1.Health` from a state. */
export const healthService = (state: HealthState): Implementation =>
  implement(Health, {
    async check({ service }) {
      const status = state.get(service);
      if (!status) throw new RpcError("NOT_FOUND", `no service ${JSON.stringify(service)} here`);
      return response(status);
    },
    async list() {
      const entries = [...state.entries()];
      if (entries.length > mostListed)
        throw new RpcError("RESOURCE_EXHAUSTED", `more than ${mostListed} names: use Check`);
      return create(HealthListResponseSchema, {
        statuses: Object.fromEntries(entries.map(([name, status]) => [name, response(status)])),
      });
    },
    watch: (request, context) => watch(state, request, context),
  });

const response = (status: ServingStatus | "SERVICE_UNKNOWN"): HealthCheckResponse =>
  create(HealthCheckResponseSchema, { status: HealthCheckResponse_ServingStatus[status] });

/** The status now and after each change. Changes that a slow reader missed are left out: only the last one is true. */
function watch(state: HealthState, { service }: HealthCheckRequest, context?: CallOptions) {
  return {
    [Symbol.asyncIterator]: () => new Watcher(state, service, context?.cancellation),
  };
}

/** Written out instead of a generator, which could not be left while it waits for a change. */
class Watcher implements AsyncIterator<HealthCheckResponse> {
  readonly #state: HealthState;
  readonly #service: string;
  readonly #unsubscribe: (() => void)[];
  #told: string | undefined;
  #wake: (() => void) | undefined;
  #over = false;

  constructor(state: HealthState, service: string, cancellation: Cancellation | undefined) {
    this.#state = state;
    this.#service = service;
    this.#unsubscribe = [state.onChange(() => this.#wake?.())];
    const stop = cancellation?.onCancel(() => this.#end());
    if (stop) this.#unsubscribe.push(stop);
  }

  async next(): Promise<IteratorResult<HealthCheckResponse>> {
    while (!this.#over) {
      const status = this.#state.get(this.#service) ?? "SERVICE_UNKNOWN";
      if (status !== this.#told) {
        this.#told = status;
        return { done: false, value: response(status) };
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<HealthCheckResponse>> {
    this.#end();
    return { done: true, value: undefined };
  }

  #end(): void {
    this.#over = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#wake?.();
  }
}
