import { systemClock } from "../core/clock.ts";
import type { AuthProvider } from "../core/policy.ts";
import type { AuthConfig, MethodPolicy } from "../policies/index.ts";
import { type ServedMethod, serverHandlers } from "../server.ts";
import { HealthState, healthService } from "../services/health.ts";
import { reflectionServices } from "../services/reflection.ts";
import type { Address } from "./address.ts";
import { openDoors } from "./doors.ts";
import { Drain, type ServerState } from "./drain.ts";
import { checkOptions, type Logger, type ServeOptions } from "./options.ts";
import { stopAt } from "./signals.ts";

/** A server that listens. */
export interface RunningServer {
  /** Where it listens for gRPC, if it does. `host:port` is what `connect` takes. */
  readonly grpc: Address | undefined;
  /** Where it listens for HTTP, if it does. */
  readonly http: (Address & { readonly url: string }) | undefined;
  readonly state: ServerState;
  /** What health checks answer: `health.set(Kitchen, "NOT_SERVING")`. */
  readonly health: HealthState;
  /** Resolves when the server has stopped, whoever stopped it. */
  readonly stopped: Promise<void>;
  /**
   * Stops: health says NOT_SERVING, then no new calls are taken, calls under way finish, streams end with
   * UNAVAILABLE, and what is left at the limit is cut. Resolves when the server has stopped; never fails.
   *
   * Calling it again changes nothing, but `stop({ force: true })` skips all waiting, also that of an earlier call.
   */
  stop(how?: { readonly force?: boolean }): Promise<void>;
}

/**
 * Serves implementations by gRPC, HTTP or both: every door leads to the same handlers, so each policy holds for
 * all of them together.
 *
 * Fails, with nothing left listening, when an option is wrong or a port cannot be had; the error names the option.
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  checkOptions(options);
  const logger = options.logger ?? stderr;
  const { clock = systemClock, services = [], onError = logTo(logger) } = options;
  const health = new HealthState(services.map(({ spec }) => spec.name));
  const served = serverHandlers(withBuiltIns(options, health), {
    clock,
    random: options.random,
    auth: options.auth,
    onError,
    store: options.store,
    layers: options.layers,
    policies: options.policies,
  });
  await readyAll(options.auth?.providers ?? {});
  warnOfClosed(served, logger);

  const limitMs = options.drain?.limitMs ?? 10_000;
  let ignoreSignals = () => {};
  const { grpc, http, doors } = await openDoors({ ...options, onError, clock }, served, health);
  const drain = new Drain(doors, {
    clock,
    limitMs,
    onState(state) {
      if (state === "lameDuck") health.leave();
      if (state === "stopped") ignoreSignals();
      options.onState?.(state);
    },
    onError: (error) => logger.error(`while stopping: ${textOf(error)}`),
  });
  const { signals = ["SIGTERM", "SIGINT"] } = options;
  if (signals) {
    ignoreSignals = stopAt(signals, limitMs, (signal) => {
      const again = drain.state !== "serving";
      logger.info(`${signal}: ${again ? "stopping at once" : "stopping"}`);
      if (again) return drain.force();
      return drain.start(options.drain?.lameDuckMs ?? (signal === "SIGTERM" ? 5_000 : 0));
    });
  }
  return {
    grpc,
    http,
    health,
    stopped: drain.stopped,
    get state() {
      return drain.state;
    },
    stop: ({ force = false } = {}) => (force ? drain.force() : drain.start(options.drain?.lameDuckMs ?? 0)),
  };
}

/** A provider that cannot work is found out now, not by the first caller. */
async function readyAll(providers: { readonly [name: string]: AuthProvider }): Promise<void> {
  for (const [name, provider] of Object.entries(providers)) {
    try {
      await provider.ready?.();
    } catch (cause) {
      throw new Error(`serve: auth.providers.${name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
}

/** The application's services and those that options add. */
function withBuiltIns({ services = [], health = true, reflection = false }: ServeOptions, state: HealthState) {
  const all = health ? [...services, healthService(state)] : [...services];
  if (!reflection) return all;
  const auth = reflection === true ? undefined : { ...noAuth, ...reflection.auth };
  return [
    ...all,
    ...reflectionServices(
      all.map(({ spec }) => spec),
      auth,
    ),
  ];
}

const noAuth: AuthConfig = { access: "AUTHENTICATED", providers: [], scopes: [], audiences: [] };

/** A method that nobody may call is legal, and hardly ever meant. */
function warnOfClosed(served: ReadonlyMap<string, ServedMethod>, logger: Logger): void {
  const closed = [...served.values()].filter(({ method }) => (method.policy as MethodPolicy).auth === undefined);
  if (closed.length === 0) return;
  const names = closed.slice(0, 5).map(({ method }) => method.path);
  const more = closed.length > names.length ? ` and ${closed.length - names.length} more` : "";
  logger.warn(
    `No caller may call ${names.join(", ")}${more}: without an auth policy every call is refused. Say who may call in the proto file, such as option (mesh.v1.service) = { auth: { access: AUTHENTICATED } }.`,
  );
}

const stderr: Logger = {
  info: () => {},
  warn: (message) => console.warn(message),
  error: (message) => console.error(message),
};

const textOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

const logTo =
  (logger: Logger): NonNullable<ServeOptions["onError"]> =>
  (error, id, { path }) =>
    logger.error(`${path} failed with internal error ${id}: ${textOf(error)}`);
