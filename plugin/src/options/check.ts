import { OptionError, type OptionRecord, type OptionValue } from "@protomesh/runtime/policies";
import type { Problems } from "../problems.ts";
import type { OptionPath } from "./path.ts";

import { type Fields, fieldOf, rowOf } from "./rows.ts";
import type { Target } from "./target.ts";

/** Checks one policy by itself: its values, and that this version enforces all it says. */
export function checkPolicy(policy: OptionRecord, target: Target, at: OptionPath, problems: Problems): void {
  for (const [option, value] of Object.entries(policy)) {
    const place = at.field(option);
    if (option === "use") continue;
    if (option === "off") {
      checkOff(value as readonly string[], place, problems);
      continue;
    }
    const row = rowOf(option);
    if (!row) notEnforced(place, problems);
    else if (Array.isArray(value)) checkNamed(value as readonly OptionRecord[], row.fields, place, problems);
    else checkFields(value as OptionRecord, row.fields, place, problems);
  }
  const { budget } = (policy.retry ?? {}) as OptionRecord;
  if (target === "method" && budget) budgetOfMethod(at.field("retry").field("budget"), problems);
}

/** A method has no retry budget of its own. */
export function budgetOfMethod(place: OptionPath, problems: Problems): void {
  problems.error(
    place,
    "a retry budget belongs to all methods of a service: set it on the service or in the file's defaults",
    "retry/budget-level",
  );
}

function checkOff(kinds: readonly string[], at: OptionPath, problems: Problems): void {
  if (kinds.includes("KIND_UNSPECIFIED")) {
    problems.error(at, "KIND_UNSPECIFIED is no kind: name one, such as RETRY", "policy/off");
  }
}

/** Items of a list merge by name, so each has one of its own. */
function checkNamed(items: readonly OptionRecord[], fields: Fields, at: OptionPath, problems: Problems): void {
  const names = new Set<OptionValue>();
  for (const [index, item] of items.entries()) {
    const place = at.item(index);
    const { name } = item;
    if (name === undefined) problems.error(place.field("name"), "is empty: name the limit", rule(place.field("name")));
    else if (names.has(name)) {
      problems.error(
        place.field("name"),
        `${JSON.stringify(name)} is there twice: rename one of them`,
        rule(place.field("name")),
      );
    }
    if (name !== undefined) names.add(name);
    checkFields(item, fields, place, problems);
  }
}

function checkFields(record: OptionRecord, fields: Fields, at: OptionPath, problems: Problems): void {
  for (const [option, value] of Object.entries(record)) {
    const place = at.field(option);
    const field = fieldOf(fields, option);
    if (!field) notEnforced(place, problems);
    else if (field.fields) checkFields(value as OptionRecord, field.fields, place, problems);
    else {
      try {
        field.parse(value);
      } catch (error) {
        if (!(error instanceof OptionError)) throw error;
        problems.error(place, error.message, rule(place));
      }
    }
  }
}

function notEnforced(place: OptionPath, problems: Problems): void {
  problems.error(
    place,
    "not enforced by this version of protoc-gen-mesh: remove it, or update protoc-gen-mesh",
    "policy/not-enforced",
  );
}

/** The rule's id from the option's name: `retry/attempts` for `(mesh.v1.method).retry.attempts`. */
function rule({ name }: OptionPath): string {
  return valueRule(name.replace(/^\([^)]*\)\.?(?:defaults\.|profiles\[\d+\]\.policy\.)?/, "").replace(/\[\d+\]/g, ""));
}

/** The rule's id that a wrong value breaks: `retry/budget/ratio` for `retry.budget.ratio`. */
export const valueRule = (option: string): string => option.replaceAll(".", "/").replaceAll("_", "-");
