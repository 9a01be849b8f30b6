import type { DescMessage, JsonValue } from "@bufbuild/protobuf";
import type { Field, OptionRecord, OptionValue } from "../core/fields.ts";
import { methodMatcher } from "../core/match.ts";
import type { MethodSpec } from "../core/spec.ts";
import type { FaultConfig } from "../policies/fault.ts";
import type { MirrorConfig, SplitConfig } from "../traffic.ts";
import { OverrideSchema } from "./gen/mesh/v1/config_pb.ts";
import { type Json, parseFault, parseMirror, parseSplit } from "./injections.ts";
import type { Place } from "./place.ts";
import { rowOf } from "./rows.ts";

/** One override, checked as far as it can be without the methods that it is for. */
export interface Override {
  readonly place: Place;
  readonly match: string;
  /** True when it names one method. */
  readonly single: boolean;
  readonly fits: (method: MethodSpec) => boolean;
  /** Its policy: only what is set, by the names of the proto file. */
  readonly policy: OptionRecord;
  readonly fault: FaultConfig | undefined;
  readonly split: SplitConfig | undefined;
  readonly mirror: MirrorConfig | undefined;
}

/** What overrides may refer to. */
export interface Surroundings {
  /** The names of the targets. */
  readonly targets: readonly string[];
  /** Why faults are refused here; undefined: they are not. */
  readonly noFaults: string | undefined;
}

/** Reads overrides out of a checked configuration. Throws a ConfigError for the first that is wrong by itself. */
export const overridesOf = (json: readonly Json[], place: Place, surroundings: Surroundings): readonly Override[] =>
  json.map((one, index) => overrideOf(one, place.at(`[${index}]`), surroundings));

function overrideOf(json: Json, place: Place, { targets, noFaults }: Surroundings): Override {
  const { match = "", policy, fault, split, mirror } = json as { match?: string } & { readonly [key: string]: Json };
  place.required({ match });
  const single = match.includes("/");
  if (fault && noFaults !== undefined) throw place.error("fault", noFaults);
  return {
    place,
    match,
    single,
    fits: matcherOf(match, place),
    policy: policy ? policyOf(policy, single, place.at("policy")) : {},
    fault: fault && parseFault(fault, place.at("fault")),
    split: split && parseSplit(split, targets, place.at("split")),
    mirror: mirror && parseMirror(mirror, targets, place.at("mirror")),
  };
}

function matcherOf(match: string, place: Place): Override["fits"] {
  try {
    const fits = methodMatcher([match]);
    // Health checks must not fail because of a rule that is meant for the application.
    return match === "*" ? (method) => !method.path.startsWith("/grpc.") : fits;
  } catch (error) {
    throw place.error("match", (error as Error).message, error);
  }
}

/** Kinds that are worked out before the process starts. */
const resolved: { readonly [option: string]: string } = {
  use: "profiles are resolved at generation: write the fields themselves",
  http: "routes are fixed at generation: set it in the proto file",
  objective: "no call depends on it: set it in the proto file",
};

function policyOf(json: Json, single: boolean, place: Place): OptionRecord {
  const record = recordOf(json, (OverrideSchema.field.policy as { message: DescMessage }).message, place);
  for (const [option, value] of Object.entries(record)) {
    const key = jsonNameOf(option);
    if (option in resolved) throw place.error(key, resolved[option] as string);
    if (option === "off") {
      for (const kind of value as readonly string[]) checkOff(kind.toLowerCase(), place.at(key));
      continue;
    }
    const row = rowOf(option);
    if (!row) throw place.error(key, notEnforced);
    if (Array.isArray(value)) checkNamed(value as readonly OptionRecord[], row.fields, place.at(key));
    else checkFields(value as OptionRecord, row.fields, place.at(key));
  }
  checkMeaning(record, single, place);
  return record;
}

const notEnforced = "is not enforced by this version of @protomesh/runtime: remove it, or update @protomesh/runtime";

function checkOff(option: string, place: Place): void {
  if (option in resolved) throw place.error("", resolved[option] as string);
  if (option === "idempotency")
    throw place.error("", "IDEMPOTENCY is what clients rely on when they send again: change it in the proto file");
  if (!rowOf(option)) throw place.error("", notEnforced);
}

/** What no override may say, whichever methods it is for. */
function checkMeaning({ auth, idempotency, retry }: OptionRecord, single: boolean, place: Place): void {
  const { access, rule, ...conditions } = (auth ?? {}) as OptionRecord;
  if (rule !== undefined)
    throw place.error("auth.rule", "is code of the API: change it in the proto file, or narrow by access or scopes");
  if (access === "DENY" && Object.keys(conditions).length > 0)
    throw place.error("auth", "access is DENY, so nobody may call, whatever the rest says: remove the rest");
  if ((idempotency as OptionRecord | undefined)?.key !== undefined)
    throw place.error("idempotency.key", "is a promise of the API: change it in the proto file");
  if (single && (retry as OptionRecord | undefined)?.budget !== undefined)
    throw place.error("retry.budget", "belongs to all methods of a service: match the service instead of one method");
}

type Fields = { readonly [key: string]: Field<unknown> };

/** Items of a list merge by name, so each has one of its own. */
function checkNamed(items: readonly OptionRecord[], fields: Fields, place: Place): void {
  const names = new Set<OptionValue>();
  items.forEach((item, index) => {
    const here = place.at(`[${index}]`);
    const { name = "" } = item;
    here.required({ name: name as string });
    if (names.has(name)) throw here.error("name", `${JSON.stringify(name)} is taken: names must differ`);
    names.add(name);
    checkFields(item, fields, here);
  });
}

function checkFields(record: OptionRecord, fields: Fields, place: Place): void {
  for (const [option, value] of Object.entries(record)) {
    const field = Object.values(fields).find((one) => one.option === option);
    const key = jsonNameOf(option);
    if (!field) throw place.error(key, notEnforced);
    if (field.fields) checkFields(value as OptionRecord, field.fields, place.at(key));
    else place.parsed(key, () => field.parse(value));
  }
}

/** A message as options have it: by proto names. A list cannot be emptied, so an empty one is a mistake. */
function recordOf(json: Json, message: DescMessage, place: Place): OptionRecord {
  const entries = Object.entries(json).map(([key, value]) => {
    const field = message.fields.find(({ jsonName }) => jsonName === key);
    if (!field) throw new Error(`${place.key}.${key} was not checked`);
    if (Array.isArray(value) && value.length === 0)
      throw place.error(key, "is empty, and replaces nothing: name what shall be in force, or remove it");
    return [field.name, optionOf(value, field.message, place.at(key))];
  });
  return Object.fromEntries(entries);
}

function optionOf(value: JsonValue, message: DescMessage | undefined, place: Place): OptionValue {
  if (!message) return value as OptionValue;
  if (!Array.isArray(value)) return recordOf(value as Json, message, place);
  return value.map((item, index) => recordOf(item as Json, message, place.at(`[${index}]`)));
}

/** The key of a proto field in JSON. */
const jsonNameOf = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
