import type { OptionRecord, OptionValue } from "@protomesh/runtime/policies";
import type { Problems } from "../problems.ts";
import { budgetOfMethod } from "./check.ts";
import type { Level, Profile } from "./level.ts";
import type { OptionPath } from "./path.ts";
import type { Profiles } from "./profiles.ts";

import { type Row, rowOf } from "./rows.ts";
import type { Target } from "./target.ts";

/** What is in force after some levels: the kinds that are set, and where each was set last. */
export interface Effective {
  readonly values: ReadonlyMap<string, OptionValue>;
  /** By kind, field and list item by name: `timeout`, `timeout.attempt`, `retry.budget.ratio`, `rate_limit[tenant].rate`. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** False when one of the levels is wrong, which has been reported. */
  readonly ok: boolean;
}

/** Where something was set. */
export interface Origin {
  readonly level: Target;
  /** The profile that the level took it from. */
  readonly profile?: string;
  readonly place: OptionPath;
}

/** What is in force before any level: validation, where there are rules to check, and nothing else. */
export const builtIn: Effective = { values: new Map([["validation", {}]]), origins: new Map(), ok: true };

/** Puts a level on top: drops what is off, then the profiles it uses, then its own fields. */
export function applyLevel(before: Effective, level: Level, profiles: Profiles, problems: Problems): Effective {
  const { result: steps, ok } = problems.watch(() => stepsOf(level, profiles, problems, []));
  const state = {
    values: new Map(before.values),
    origins: new Map(before.origins),
    ok: ok && before.ok && steps.every((step) => step.ok),
  };
  for (const step of steps) {
    for (const kind of step.off) {
      const dropped = (state.values.get(kind) ?? {}) as OptionRecord;
      state.values.delete(kind);
      // It belongs to the service: what a method hedges, instead of retrying, comes out of it too.
      const budget = kind === "retry" && level.target === "method" ? dropped.budget : undefined;
      if (budget) state.values.set(kind, { budget });
      state.origins.delete(kind);
      forget(state.origins, kind, (field) => !(budget && field === "budget"));
    }
    for (const [kind, value] of Object.entries(step.fields)) {
      const before = state.values.get(kind);
      const base = inheritedBy(value, before, rowOf(kind));
      if (base !== before) forget(state.origins, kind, (field) => !(isRecord(base) && field in base));
      state.values.set(kind, Array.isArray(value) ? mergeNamed(base, value, level.target) : merge(base, value));
      note(state.origins, kind, value, step.origin(kind));
    }
  }
  return state;
}

/** Reports the profiles of a file that use unknown profiles or themselves. */
export function checkProfile(profile: Profile, profiles: Profiles, problems: Problems): void {
  stepsOf(profile, profiles, problems, [profile]);
}

/** A part of a level that applies at once. */
interface Step {
  readonly off: readonly string[];
  readonly fields: OptionRecord;
  readonly origin: (kind: string) => Origin;
  readonly ok: boolean;
}

function stepsOf(level: Level, profiles: Profiles, problems: Problems, using: readonly Profile[]): Step[] {
  const { use = [], off = [], ...fields } = level.policy;
  const { ok, target } = level;
  const steps: Step[] = [
    { off: (off as readonly string[]).map(kindOf), fields: {}, origin: () => ({ level: target, place: level.at }), ok },
  ];
  for (const [index, name] of (use as readonly string[]).entries()) {
    const at = level.at.field("use").item(index);
    const profile = profiles.find(name, at);
    if (!profile) continue;
    if (using.includes(profile)) {
      reportCycle(using.slice(using.indexOf(profile)), problems);
      continue;
    }
    for (const step of stepsOf(profile, profiles, problems, [...using, profile])) {
      const { budget } = (step.fields.retry ?? {}) as OptionRecord;
      if (level.target === "method" && budget) budgetOfMethod(at, problems);
      steps.push({ ...step, origin: () => ({ level: target, profile: name, place: at }) });
    }
  }
  return [...steps, { off: [], fields, origin: (kind) => ({ level: target, place: level.at.field(kind) }), ok }];
}

/** Reports a cycle the same way, whichever of its profiles it is entered by: so it is reported once. */
function reportCycle(cycle: readonly Profile[], problems: Problems): void {
  const key = ({ at }: Profile) => `${at.file.proto.name} ${at.name}`;
  const first = cycle.reduce((a, b) => (key(b) < key(a) ? b : a));
  const start = cycle.indexOf(first);
  const names = [...cycle.slice(start), ...cycle.slice(0, start), first].map(({ name }) => name);
  problems.error(first.at, `profile ${names.join(" uses ")}: remove one of these uses`, "profile/cycle");
}

/** The field of `mesh.v1.Policy` that a `Kind` names. */
const kindOf = (kind: string) => kind.toLowerCase();

/** What a level with this value adds to: nothing when it starts anew, and not the other members of a oneof that it sets. */
function inheritedBy(value: OptionValue, base: OptionValue | undefined, row: Row | undefined): OptionValue | undefined {
  if (!isRecord(value) || !isRecord(base) || !row) return base;
  if (row.replaces?.(value)) return undefined;
  const { oneof = [] } = row;
  if (!oneof.some((member) => value[member] !== undefined)) return base;
  return Object.fromEntries(Object.entries(base).filter(([field]) => !oneof.includes(field)));
}

/** Messages merge field by field, everything else replaces. */
function merge(base: OptionValue | undefined, value: OptionValue): OptionValue {
  if (!isRecord(base) || !isRecord(value)) return value;
  const merged: { [field: string]: OptionValue } = { ...base };
  for (const [field, inner] of Object.entries(value)) merged[field] = merge(base[field], inner);
  return merged;
}

/**
 * Lists of named messages merge by name. A new or changed item is marked by the scope that its level gives it,
 * under the empty name, which no proto field has: items from below the method are shared by the service's methods.
 */
function mergeNamed(base: OptionValue | undefined, value: readonly OptionValue[], target: Target): OptionValue {
  const scope = target === "method" ? "method" : "service";
  const items = new Map(((base ?? []) as readonly OptionRecord[]).map((item) => [item.name, item]));
  for (const item of value as readonly OptionRecord[]) {
    items.set(item.name, { ...(merge(items.get(item.name), item) as OptionRecord), "": scope });
  }
  return [...items.values()] as OptionValue;
}

/** Sets who set a value and everything in it. */
function note(origins: Map<string, Origin>, path: string, value: OptionValue, origin: Origin): void {
  origins.set(path, origin);
  if (isRecord(value))
    for (const [field, inner] of Object.entries(value)) note(origins, `${path}.${field}`, inner, origin);
  else if (Array.isArray(value)) {
    for (const item of value as readonly OptionValue[])
      if (isRecord(item) && typeof item.name === "string") note(origins, `${path}[${item.name}]`, item, origin);
  }
}

/** Drops who set what is no longer there: fields of a kind, and what is in them. */
function forget(origins: Map<string, Origin>, kind: string, gone: (field: string) => boolean): void {
  for (const path of [...origins.keys()]) {
    const rest = path.slice(kind.length);
    if (!path.startsWith(kind) || !/^[.[]/.test(rest)) continue;
    if (rest.startsWith("[") || gone(rest.slice(1).split(/[.[]/)[0] as string)) origins.delete(path);
  }
}

const isRecord = (value: OptionValue | undefined): value is OptionRecord =>
  typeof value === "object" && !Array.isArray(value);
