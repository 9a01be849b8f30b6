import type { DescFile, DescMethod, DescService } from "@bufbuild/protobuf";
import { fit, type OptionRecord, type OptionValue, parseFields } from "@protomesh/runtime/policies";
import type { Place, Problems } from "../problems.ts";
import { carriesRules } from "../validation-rules.ts";
import { applyLevel, builtIn, checkProfile, type Effective, type Origin } from "./effective.ts";
import { factsOf } from "./facts.ts";
import { type Level, Levels, type Profile } from "./level.ts";
import { Profiles } from "./profiles.ts";

import { type Row, rows } from "./rows.ts";

/** The rule's id that a method breaks which sets a policy without what switches it on. */
export const offRule = (option: string): string => `${option.replaceAll("_", "-")}/off`;

type Facts = ReturnType<typeof factsOf>;

/** Whether a method says it itself. */
const ofMethod = ({ level }: Origin): boolean => level === "method";

/** A method's policy as generated code has it: parsed, with inheritance and defaults applied. */
export type Resolved = { readonly [kind: string]: unknown };

/** One level of a method's policy. */
export interface Step {
  /** What the levels below give. */
  readonly inherited: Effective;
  /** What it says itself, if anything. */
  readonly level: Level | undefined;
}

/** Turns the options of files, services and methods into the policy of each method. Reports what is wrong with them. */
export class Resolver {
  readonly #problems: Problems;
  readonly #levels: Levels;
  readonly #profiles: Profiles;
  readonly #origins = new WeakMap<DescMethod, Effective["origins"]>();
  readonly #steps = new WeakMap<DescService | DescMethod, Step>();

  constructor(problems: Problems) {
    this.#problems = problems;
    this.#levels = new Levels(problems);
    this.#profiles = new Profiles(this.#levels, problems);
  }

  /** What the file's own option gives to its services. Also checks profiles that nobody uses. */
  file(file: DescFile): Effective {
    const { defaults, profiles } = this.#levels.file(file);
    for (const profile of profiles) checkProfile(profile, this.#profiles, this.#problems);
    return this.#apply(builtIn, defaults);
  }

  /** What a service gives to its methods. */
  service(service: DescService, place: Place, inherited: Effective): Effective {
    return this.#step(service, inherited, this.#levels.service(service, place));
  }

  /** The policy of a method with these routes. Its rules run only when all its levels are right by themselves. */
  method(method: DescMethod, place: Place, inherited: Effective, routes: readonly { method: string }[]): Resolved {
    const effective = this.#step(method, inherited, this.#levels.method(method, place));
    this.#origins.set(method, effective.origins);
    if (!effective.ok) return {};
    const policy: { [kind: string]: unknown } = {};
    const kinds = Object.fromEntries(effective.values);
    for (const row of rows) {
      const value = effective.values.get(row.option);
      if (value === undefined || !this.#enabled(row, value, effective)) continue;
      if (row.option === "validation" && !this.#validates(method, effective)) continue;
      policy[row.name] = Array.isArray(value)
        ? value.map((item) => parseFields(row.fields, item as OptionRecord, kinds))
        : parseFields(row.fields, value as OptionRecord, kinds);
    }
    const facts = factsOf(method, policy, routes);
    const originOf = (option: string, field?: string) =>
      effective.origins.get(field === undefined ? option : `${option}.${field}`);
    const inherits = (option: string, field?: string) => {
      const origin = originOf(option, field);
      return origin !== undefined && !ofMethod(origin);
    };
    for (const { option, id, text } of fit(rows, policy, facts, inherits))
      this.#problems.warning((originOf(option) as Origin).place, `has no effect, because ${text}`, id, method.name);
    for (const row of rows) {
      const origin = effective.origins.get(row.option);
      if (origin && row.name in policy) this.#runRules(row, policy[row.name], facts, origin, method.name);
    }
    return policy;
  }

  /** Where the options of a method's policy were set last, by kind and by kind and field; what no level sets is not there. */
  origins(method: DescMethod): ReadonlyMap<string, Origin> {
    return this.#origins.get(method) ?? new Map();
  }

  /** What a service or method found and what it says itself. Undefined where one of its levels is wrong. */
  step(desc: DescService | DescMethod): Step | undefined {
    return this.#steps.get(desc);
  }

  /** The profiles that a file declares. */
  profiles(file: DescFile): readonly Profile[] {
    return this.#levels.file(file).profiles;
  }

  /** Whether something of the run uses a profile. */
  isUsed(profile: Profile): boolean {
    return this.#profiles.used.has(profile);
  }

  #step(desc: DescService | DescMethod, inherited: Effective, level: Level | undefined): Effective {
    const effective = this.#apply(inherited, level);
    if (effective.ok) this.#steps.set(desc, { inherited, level });
    return effective;
  }

  #apply(before: Effective, level: Level | undefined): Effective {
    return level ? applyLevel(before, level, this.#profiles, this.#problems) : before;
  }

  /** Whether a policy is switched on. A method that sets it without switching it on is told so. */
  #enabled({ option, enabledBy }: Row, value: OptionValue, { origins }: Effective): boolean {
    if (enabledBy === undefined || (value as OptionRecord)[enabledBy] !== undefined) return true;
    const origin = origins.get(option);
    if (origin && ofMethod(origin)) {
      this.#problems.error(
        origin.place,
        `does nothing without ${enabledBy}: set it here or at a lower level`,
        offRule(option),
      );
    }
    return false;
  }

  /** Whether there is anything to check in a request. A method that asks for it in vain is told so. */
  #validates({ input }: DescMethod, { origins }: Effective): boolean {
    if (carriesRules(input)) return true;
    const origin = origins.get("validation");
    if (origin && ofMethod(origin) && origin.profile === undefined) {
      const text = `does nothing, because ${input.typeName} has no protovalidate rules: write rules, or remove it`;
      this.#problems.warning(origin.place, text, "validation/no-rules");
    }
    return false;
  }

  #runRules(row: Row, config: unknown, facts: Facts, origin: Origin, method: string): void {
    for (const { id, severity, check } of row.rules ?? []) {
      const text = check(config, facts);
      if (text !== undefined) this.#problems[severity](origin.place, text, id, ofMethod(origin) ? undefined : method);
    }
  }
}
