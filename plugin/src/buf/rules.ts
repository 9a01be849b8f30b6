import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChangeClass } from "../diff/change.ts";
import { catalog } from "../lint/catalog.ts";
import { type CategorySchema, type RuleSchema, RuleType } from "./gen/check_pb.js";

type Rule = MessageInitShape<typeof RuleSchema> & { readonly id: string; readonly type: RuleType };

/** What buf calls a check: `MESH_RETRY_NEEDS_IDEMPOTENCY` for `retry/needs-idempotency`. */
export const lintRule = (id: string): string => `MESH_${id.replace(/\W/g, "_").toUpperCase()}`;

/** The classes of changes that break something, with the rule of each. */
const breaking: readonly {
  readonly of: ChangeClass;
  readonly id: string;
  readonly purpose: string;
  readonly byDefault: boolean;
}[] = [
  {
    of: "security",
    id: "MESH_SECURITY_LOOSENED",
    purpose: "Nobody may do or see what was refused before.",
    byDefault: true,
  },
  { of: "breaking", id: "MESH_BREAKING", purpose: "Callers that worked go on working.", byDefault: true },
  {
    of: "capacity",
    id: "MESH_CAPACITY",
    purpose: "Callers that were served are not refused or cut off.",
    byDefault: true,
  },
  {
    of: "load",
    id: "MESH_LOAD_RISK",
    purpose: "No more is sent than before, or for longer, when something goes wrong.",
    byDefault: false,
  },
  {
    of: "semantic",
    id: "MESH_SEMANTIC",
    purpose: "Answers are not older than before, shared or made up.",
    byDefault: false,
  },
  {
    of: "operational",
    id: "MESH_OPERATIONAL",
    purpose: "A service runs as before.",
    byDefault: false,
  },
];

/** The rule of a class of changes; undefined for changes without an effect. */
export const breakingRule = (of: ChangeClass): string | undefined => breaking.find((rule) => rule.of === of)?.id;

/** All rules, as buf lists them. buf knows no warnings: what is one here is off unless it is asked for. */
export const rules: readonly Rule[] = [
  ...catalog.map(({ id, severity, purpose }) => ({
    id: lintRule(id),
    categoryIds: ["MESH", severity === "error" ? "MESH_ERROR" : "MESH_WARNING"],
    default: severity === "error",
    purpose,
    type: RuleType.LINT,
  })),
  ...breaking.map(({ of, id, purpose, byDefault }) => ({
    id,
    // What callers cannot notice is there for who asks for it by name.
    categoryIds: of === "operational" ? [] : ["MESH"],
    default: byDefault,
    purpose,
    type: RuleType.BREAKING,
  })),
];

/** What rules can be chosen by. */
export const categories: readonly MessageInitShape<typeof CategorySchema>[] = [
  { id: "MESH", purpose: "All rules on options of mesh.v1 that concern callers or authors." },
  { id: "MESH_ERROR", purpose: "What also fails generation." },
  { id: "MESH_WARNING", purpose: "What generation warns of." },
];

/** The rules that a request is about: those that it names, else those of the type that are on by default. */
export function chosen(ids: readonly string[], type: RuleType): ReadonlySet<string> {
  const ofType = rules.filter((rule) => rule.type === type);
  return new Set(ofType.filter((rule) => (ids.length > 0 ? ids.includes(rule.id) : rule.default)).map(({ id }) => id));
}
