import { OptionError, type OptionValue } from "@protomesh/runtime/policies";
import { valueRule } from "../options/check.ts";
import { offRule } from "../options/resolve.ts";
import { type Fields, rows } from "../options/rows.ts";
import type { RuleInfo } from "./rule.ts";
import { lintRules } from "./rules.ts";

/** Checks that are no rule of a policy and no `LintRule`: what can be wrong with options, routes and names as such. */
const builtIn: readonly RuleInfo[] = [
  { id: "options/newer", severity: "error", purpose: "Options are known to the version that reads them." },
  { id: "policy/not-enforced", severity: "error", purpose: "Options are enforced by the version that reads them." },
  { id: "policy/off", severity: "error", purpose: "What is switched off is a kind of policy." },
  { id: "profile/name", severity: "error", purpose: "A profile has a name of its own, of letters, digits, _ and -." },
  { id: "profile/ambiguous", severity: "error", purpose: "A name that is used belongs to one profile." },
  { id: "profile/unknown", severity: "error", purpose: "A profile that is used is there." },
  { id: "profile/cycle", severity: "error", purpose: "No profile uses itself by way of others." },
  {
    id: "retry/budget-level",
    severity: "error",
    purpose: "A retry budget is set for all methods of a service, not for one of them.",
  },
  {
    id: "validation/no-rules",
    severity: "warning",
    purpose: "A method that asks for validation has a request with rules.",
  },
  {
    id: "http/rule",
    severity: "error",
    purpose: "A google.api.http annotation can be served, as its documentation says.",
  },
  { id: "http/conflict", severity: "warning", purpose: "No route hides another one." },
  { id: "http/interop", severity: "warning", purpose: "A route means the same to other gateways." },
  {
    id: "http/config",
    severity: "error",
    purpose: "A file with a google.api.Service says nothing that is unknown or wrong.",
  },
  {
    id: "auth/rule",
    severity: "error",
    purpose: "A rule of auth compiles, is a bool, and reads fields that are there.",
  },
  { id: "names/collision", severity: "error", purpose: "No two names of generated code are the same." },
];

/** What only generation finds, besides `export/<target>` of each target. */
export const generationRules: readonly RuleInfo[] = [
  {
    id: "export/config",
    severity: "warning",
    purpose: "What a configuration file says of servers can be exported.",
  },
  { id: "names/module", severity: "error", purpose: "A file has a path that ts-proto can make a module of." },
  { id: "names/reserved", severity: "error", purpose: "No message is called by ts-proto like a reserved word." },
  {
    id: "openapi/left-out",
    severity: "warning",
    purpose: "An OpenAPI document, where one is written, has all routes.",
  },
];

function infoOf({ id, severity, purpose }: RuleInfo): RuleInfo {
  return { id, severity, purpose };
}

function offInfo(option: string, enabledBy: string): RuleInfo {
  return {
    id: offRule(option),
    severity: "error",
    purpose: `A method that sets ${option} has ${option}.${enabledBy} at some level.`,
  };
}

/** One for each option whose value can be wrong. */
function valueInfos(path: string, fields: Fields): RuleInfo[] {
  return Object.values(fields).flatMap((field) => {
    const option = `${path}.${field.option}`;
    if (field.option === "") return [];
    if (field.fields) return valueInfos(option, field.fields);
    return canBeWrong(field)
      ? [{ id: valueRule(option), severity: "error", purpose: `The option ${option} has a value that it allows.` }]
      : [];
  });
}

/** Values that no option allows which does not allow all of its type. */
const wrong: readonly OptionValue[] = ["", "\0", -1, [""], ["\0"], [{}]];

const canBeWrong = ({ parse }: Fields[string]): boolean =>
  wrong.some((value) => {
    try {
      parse(value);
      return false;
    } catch (error) {
      return error instanceof OptionError;
    }
  });

/** Checks by policy, then those on files, services, profiles and fields. */
const checks: readonly RuleInfo[] = [
  ...builtIn,
  ...rows.flatMap(({ option, enabledBy, rules = [] }) => [
    ...(enabledBy === undefined ? [] : [offInfo(option, enabledBy)]),
    ...rules.map(infoOf),
  ]),
  ...lintRules.map(infoOf),
];

/** A rule for each option whose value can be wrong, where no check has the same id. */
export const valueRules: readonly RuleInfo[] = rows
  .flatMap(({ option, fields }) => valueInfos(option, fields))
  .filter(({ id }) => !checks.some((check) => check.id === id));

/** Every rule that proto files can break whatever is generated from them, each once. */
export const catalog: readonly RuleInfo[] = [...checks, ...valueRules];
