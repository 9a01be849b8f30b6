import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../core/clock.ts";
import { checkKeys, keysOf } from "../core/known-keys.ts";
import type { PolicySource } from "../core/policy-source.ts";
import type { ServiceSpec } from "../core/spec.ts";
import type { Target } from "../core/target.ts";
import type { GatewayService } from "../gateway/endpoint.ts";
import type { Logger, ServeOptions } from "../serve/options.ts";
import { forwardsTo } from "./gateway.ts";
import { type Environment, type Outside, readOutside } from "./outside.ts";
import { readText } from "./read.ts";
import { fixedSections, type Sections, type ServeSections, sectionsOf } from "./sections.ts";
import { Overrides } from "./source.ts";
import { Watcher } from "./watch.ts";

/** What came of a change of the configuration file. */
export interface Reload {
  /** False: nothing was taken over, and what was in force before still is. */
  readonly ok: boolean;
  /** Why not. It names file, line, key and remedy. */
  readonly error?: Error | undefined;
  /** Paths of the methods that have another policy now. */
  readonly changed: readonly string[];
  /** The sections that differ from those at the start, and are not in force until the process is started anew. */
  readonly restart: readonly string[];
}

/** Where a configuration comes from, and who is told about it. */
export interface ConfigOptions {
  /** The configuration file, unless `--config` or `MESH_CONFIG` names another. Default: none. */
  readonly file?: string | undefined;
  /** Where flags are looked for. Default: `process.argv.slice(2)`. */
  readonly args?: readonly string[] | undefined;
  /** Where variables are looked for. Default: `process.env`. */
  readonly env?: Environment | undefined;
  /** False: the overrides stay what they are. Default: a change of the file is taken over within two seconds. */
  readonly watch?: boolean | undefined;
  /** Told of each change of the file, taken over or not. */
  readonly onReload?: ((reload: Reload) => void) | undefined;
  /** Told of changes that were not taken over, and why. Default: stderr. */
  readonly logger?: Pick<Logger, "warn"> | undefined;
  /** For tests. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** What a configuration says, as options. */
export interface LoadedConfig {
  /** For `serve({ ...config.serve, services: [...] })`. */
  readonly serve: ServeSections & Pick<ServeOptions, "policies">;
  /** For `createClient(spec, target, { policies: config.policies })`. */
  readonly policies: PolicySource;
  /** The names of the targets. */
  readonly targets: readonly string[];
  /** The arguments that are the program's own. */
  readonly rest: readonly string[];
  /** Connects to the target of this name; who asks closes it. Throws when there is none. */
  connect(name: string): Target;
  /**
   * What `gateway.services` says of these services, for `serve({ forward: config.forward([Orders, Stock]) })`. Without
   * that section all go to the only target. Their connections live until `close`. Throws a ConfigError when an entry
   * names none of them.
   */
  forward(services: readonly ServiceSpec[]): readonly GatewayService[];
  /** Stops watching the file, and closes the connections that splits and mirrors have opened. */
  close(): Promise<void>;
}

const known = keysOf<ConfigOptions>({
  file: true,
  args: true,
  env: true,
  watch: true,
  onReload: true,
  logger: true,
  clock: true,
});

/**
 * Reads a `mesh.v1.Config`: JSON, or YAML when the name ends in `.yaml` or `.yml`. Files that it names are relative to its
 * folder. Given a file's name, it reads that file alone. Given options, low to high: the file, environment variables
 * (`MESH__SERVER__GRPC`), flags (`--set server.grpc=:50051`).
 *
 * From the first client or server that uses `policies` on, the file is watched: changed overrides are taken over for calls that
 * start from then on, all of them or none. Nothing keeps the process alive.
 *
 * Fails with an Error that names the place, the key and the remedy; a key that does not exist is one. It never shows a value
 * that may be a secret.
 */
export async function loadConfig(from: string | ConfigOptions = {}): Promise<LoadedConfig> {
  const options = typeof from === "string" ? alone(from) : from;
  checkKeys(options, known, "loadConfig");
  const outside = readOutside(options.args ?? process.argv.slice(2), options.env ?? process.env);
  const file = outside.file ?? options.file;
  const text = file === undefined ? undefined : await readText(file);
  return new Loaded(await sectionsOf(text, file, outside), { file, text, outside, options });
}

/** The file and nothing else, except what says whether faults are allowed. */
function alone(file: string): ConfigOptions {
  const { NODE_ENV, MESH_ENV, MESH_ALLOW_FAULTS } = process.env;
  return { file, args: [], env: { NODE_ENV, MESH_ENV, MESH_ALLOW_FAULTS } };
}

interface Origin {
  readonly file: string | undefined;
  readonly text: string | undefined;
  readonly outside: Outside;
  readonly options: ConfigOptions;
}

class Loaded implements LoadedConfig {
  readonly serve: LoadedConfig["serve"];
  readonly policies: Overrides;
  readonly targets: readonly string[];
  readonly rest: readonly string[];
  readonly #start: Sections;
  readonly #origin: Origin;
  readonly #opened = new Map<string, Target>();
  #watcher: Watcher | undefined;
  #closing: Promise<void> | undefined;
  #restart: readonly string[] = [];

  constructor(start: Sections, origin: Origin) {
    this.#start = start;
    this.#origin = origin;
    this.targets = [...start.targets.keys()];
    this.rest = origin.outside.rest;
    this.policies = new Overrides(start.overrides(this.targets), {
      target: (name) => this.#target(name),
      failed: (method, error) =>
        this.#report({ ok: false, error: new Error(`${method.path}: ${textOf(error)}`, { cause: error }) }),
      warn: (text) => this.#warn(text),
      bound: () => this.#watch(),
    });
    this.serve = { ...start.serve, policies: this.policies };
  }

  // Both are often taken out of their object.
  readonly connect = (name: string): Target => {
    const connect = this.#start.targets.get(name);
    if (connect) return connect();
    const names = this.targets.join(", ") || "none";
    throw this.#start.place.error("targets", `no target is named ${JSON.stringify(name)}. Named are: ${names}`);
  };

  readonly forward = (services: readonly ServiceSpec[]): readonly GatewayService[] =>
    forwardsTo(this.#start.forwards, services, this.targets, this.#start.place.at("gateway"), (name) =>
      this.#target(name),
    );

  readonly close = (): Promise<void> => {
    this.#watcher?.close();
    this.#closing ??= Promise.all([...this.#opened.values()].map((target) => target.close())).then(() => {});
    return this.#closing;
  };

  #target(name: string): Target {
    if (this.#closing)
      throw new Error(`the configuration is closed, so nothing leads to target ${JSON.stringify(name)}`);
    const opened = this.#opened.get(name) ?? this.connect(name);
    this.#opened.set(name, opened);
    return opened;
  }

  #watch(): void {
    const { file, text, options } = this.#origin;
    if (file === undefined || text === undefined || options.watch === false || this.#closing) return;
    this.#watcher = new Watcher(file, {
      seen: text,
      clock: options.clock,
      onText: (now) => this.#reload(now),
      onError: (error) => this.#report({ ok: false, error }),
    });
  }

  async #reload(text: string): Promise<void> {
    const { file, outside } = this.#origin;
    let changed: readonly string[];
    let restart: readonly string[];
    try {
      const { fixed, overrides } = await sectionsOf(text, file, outside);
      if (this.#closing) return;
      restart = fixedSections.filter((section) => !isDeepStrictEqual(fixed[section], this.#start.fixed[section]));
      changed = this.policies.replace(overrides(this.targets));
    } catch (error) {
      this.#report({ ok: false, error: error as Error });
      return;
    }
    const news = restart.filter((section) => !this.#restart.includes(section));
    this.#restart = restart;
    if (news.length > 0) this.#warn(`${file}: changed ${news.join(" and ")}: restart to take that over`);
    this.#report({ ok: true, changed });
  }

  #report({ changed = [], ...news }: Partial<Reload> & Pick<Reload, "ok">): void {
    if (news.error) this.#warn(`configuration not taken over, what was in force still is: ${news.error.message}`);
    guarded(() => this.#origin.options.onReload?.({ ...news, changed, restart: this.#restart }));
  }

  #warn(text: string): void {
    const { logger } = this.#origin.options;
    guarded(() => (logger ? logger.warn(text) : console.warn(text)));
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Runs what the application gave: its mistakes must not stop the watching. */
function guarded(run: () => void): void {
  try {
    run();
  } catch (error) {
    console.error("a listener of the configuration failed:", error);
  }
}
