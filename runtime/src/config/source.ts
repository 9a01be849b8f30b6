import { isDeepStrictEqual } from "node:util";
import type { OptionRecord } from "../core/fields.ts";
import { fit } from "../core/fit.ts";
import { nearest } from "../core/known-keys.ts";
import type { MethodFacts } from "../core/policy.ts";
import type { PolicySource } from "../core/policy-source.ts";
import type { MethodSpec, ServiceSpec } from "../core/spec.ts";
import type { Target } from "../core/target.ts";
import { trafficProblem } from "../traffic.ts";
import type { ConfigError } from "./error.ts";
import { factsOf } from "./facts.ts";
import { widenings } from "./narrow.ts";
import { overlay, type Problem } from "./overlay.ts";
import type { Override } from "./overrides.ts";
import { rows } from "./rows.ts";

/** What a source of overrides needs from the configuration that it belongs to. */
export interface SourceOptions {
  readonly target: (name: string) => Target;
  readonly failed: (method: MethodSpec, error: unknown) => void;
  /** Told once of every warning about the overridden policies in force. */
  readonly warn: (text: string) => void;
  /** Told of the first service. */
  readonly bound: () => void;
}

type Build = (method: MethodSpec) => unknown;

interface Builder {
  readonly service: ServiceSpec;
  readonly build: WeakRef<Build>;
}

/** What overrides make of services: the method in force by the generated one, and what is to be said about it. */
interface Resolved {
  readonly methods: Map<MethodSpec, MethodSpec>;
  readonly warnings: Set<string>;
}

interface Said {
  readonly problems: Problem[];
  readonly warnings: Set<string>;
}

/** The policies in force: those of the proto files with the overrides on top, which can be replaced. */
export class Overrides implements PolicySource {
  #overrides: readonly Override[];
  readonly #options: SourceOptions;
  readonly #services = new Set<ServiceSpec>();
  /** What builds handlers, for as long as its client or server is there. */
  readonly #builders = new Set<Builder>();
  readonly #gone = new FinalizationRegistry<Builder>((builder) => this.#builders.delete(builder));
  /** The method in force, by the method that generated code has. */
  #methods = new Map<MethodSpec, MethodSpec>();
  #warned = new Set<string>();
  #version = 0;

  constructor(overrides: readonly Override[], options: SourceOptions) {
    this.#overrides = overrides;
    this.#options = options;
  }

  get version(): number {
    return this.#version;
  }

  bind(service: ServiceSpec, build?: Build): void {
    if (!this.#services.has(service)) {
      const { methods, warnings } = this.#resolve([service], this.#overrides);
      for (const [method, now] of methods) this.#methods.set(method, now);
      for (const text of warnings) this.#warn(text);
      this.#services.add(service);
      if (this.#services.size === 1) this.#options.bound();
    }
    if (!build) return;
    const builder = { service, build: new WeakRef(build) };
    this.#builders.add(builder);
    this.#gone.register(build, builder);
  }

  methodOf(method: MethodSpec): MethodSpec {
    return this.#methods.get(method) ?? method;
  }

  failed(method: MethodSpec, error: unknown): void {
    this.#options.failed(method, error);
  }

  target(name: string): Target {
    return this.#options.target(name);
  }

  /**
   * Takes over other overrides, for all services or, when they do not fit one, for none: then it throws a ConfigError and
   * nothing has changed. Returns the paths of the methods whose policy is another one now.
   */
  replace(overrides: readonly Override[]): readonly string[] {
    const { methods, warnings } = this.#resolve([...this.#services], overrides);
    const changed = new Set<string>();
    for (const [method, now] of methods) {
      const before = this.methodOf(method);
      // The same object as long as nothing changes, so that other methods keep what they have built.
      if (isDeepStrictEqual(before.policy, now.policy)) methods.set(method, before);
      else changed.add(method.path);
    }
    for (const builder of this.#builders) this.#tryOut(builder, methods, overrides);
    this.#overrides = overrides;
    this.#methods = methods;
    for (const text of warnings) this.#warn(text);
    this.#warned = warnings;
    if (changed.size > 0) this.#version += 1;
    return [...changed];
  }

  /** Throws when a method cannot be built as it would be. */
  #tryOut({ service, build }: Builder, methods: Map<MethodSpec, MethodSpec>, overrides: readonly Override[]): void {
    for (const method of Object.values(service.methods)) {
      const now = methods.get(method) ?? method;
      if (now === this.methodOf(method)) continue;
      try {
        build.deref()?.(now);
      } catch (error) {
        const place = overrides.findLast(({ fits }) => fits(method))?.place;
        const text = `${method.path}: ${error instanceof Error ? error.message : error}`;
        throw place ? place.error("", text, error) : new Error(text, { cause: error });
      }
    }
  }

  #resolve(services: readonly ServiceSpec[], overrides: readonly Override[]): Resolved {
    const problems: Problem[] = services.flatMap((service) => misnamed(service, overrides));
    const methods = new Map<MethodSpec, MethodSpec>();
    const said: Said = { problems, warnings: new Set() };
    for (const service of services) {
      for (const method of Object.values(service.methods)) {
        const matching = overrides.filter(({ fits }) => fits(method));
        methods.set(method, matching.length > 0 ? this.#method(method, service, matching, said) : method);
      }
    }
    if (problems.length > 0) throw errorOf(problems);
    return { methods, warnings: said.warnings };
  }

  #method(
    method: MethodSpec,
    service: ServiceSpec,
    overrides: readonly Override[],
    { problems, warnings }: Said,
  ): MethodSpec {
    const { policy, origins, problems: own } = overlay(method, overrides);
    const last = (overrides.at(-1) as Override).place;
    const add = (option: string, text: string) =>
      problems.push({ place: origins.get(option) ?? last, text: `${method.path}: ${text}` });
    for (const { place, text } of own) problems.push({ place, text: `${method.path}: ${text}` });
    const wider = widenings(method.policy, policy);
    for (const { option, text } of wider) add(option, text);
    const facts = factsOf(method, service, policy);
    // What is said for many methods is not meant for those that cannot have it.
    const inherits = (option: string, field: string | undefined) =>
      origins.has(option) && !overrides.some((one) => one.single && sets(one.policy, option, field));
    for (const { option, text } of fit(rows, policy, facts, inherits))
      warnings.add(`${(origins.get(option) ?? last).text}: ${method.path}: has no effect, because ${text}`);
    // What is wrong without the overrides as well is not their mistake.
    const known = new Set([...complaints({ ...facts, policy: method.policy })].map(({ text }) => text));
    for (const { option, severity, text } of complaints(facts)) {
      if (known.has(text) || wider.some((one) => one.option === option)) continue;
      if (severity === "error") add(option, text);
      else warnings.add(`${(origins.get(option) ?? last).text}: ${method.path}: ${text}`);
    }
    for (const kind of ["split", "mirror"] as const) {
      const from = overrides.findLast((one) => one[kind]);
      const problem = from && trafficProblem({ [kind]: from[kind] }, facts);
      if (problem) problems.push({ place: from.place.at(problem.key), text: `${method.path}: ${problem.text}` });
    }
    if (isDeepStrictEqual(policy, method.policy)) return method;
    return Object.freeze({ ...method, policy });
  }

  #warn(text: string): void {
    if (this.#warned.has(text)) return;
    this.#warned.add(text);
    this.#options.warn(text);
  }
}

/** Whether an override sets an option, or one field of it. */
const sets = (policy: OptionRecord, option: string, field: string | undefined): boolean =>
  field === undefined ? option in policy : field in ((policy[option] ?? {}) as OptionRecord);

/** What the rows' rules have to say about a policy. */
function* complaints(facts: MethodFacts) {
  for (const { option, name, rules = [] } of rows) {
    const config = facts.policy[name];
    if (config === undefined) continue;
    for (const { severity, check } of rules) {
      const text = check(config, facts);
      if (text !== undefined) yield { option, severity, text };
    }
  }
}

/** Overrides for a method that the service does not have. */
function misnamed({ name, methods }: ServiceSpec, overrides: readonly Override[]): Problem[] {
  const known = Object.values(methods).map((method) => method.name);
  return overrides.flatMap(({ match, place }) => {
    const [service, method = ""] = match.split("/");
    if (service !== name || method === "" || known.includes(method)) return [];
    const meant = nearest(method, known);
    const hint = meant ? `did you mean ${name}/${meant}?` : `it has ${known.join(", ")}`;
    return [{ place: place.at("match"), text: `${name} has no method ${method}: ${hint}` }];
  });
}

/** One error for all problems; each is told once, and the first ten of them. */
function errorOf(problems: readonly Problem[]): ConfigError {
  const [first, ...others] = [...new Map(problems.map((one) => [`${one.place.text}: ${one.text}`, one])).values()];
  const { place, text } = first as Problem;
  const lines = others.slice(0, 9).map((one) => `\n${one.place.text}: ${one.text}`);
  const more = others.length > 9 ? `\nand ${others.length - 9} more` : "";
  return place.error("", [text, ...lines, more].join(""));
}
