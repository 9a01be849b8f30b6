import type { DescMethod } from "@bufbuild/protobuf";
import type { RuleModel } from "../model.ts";
import type { Place, Problems } from "../problems.ts";
import { checkRule } from "./check.ts";
import type { Fields } from "./fields.ts";
import { parseRule, RuleError } from "./parse.ts";
import { scopeOf } from "./scope.ts";
import { translate } from "./translate.ts";
import { Untranslatable } from "./value.ts";

/** Longer code says no more than the expression does, and an interpreter does not mind the length. */
const longest = 1000;

/**
 * Checks the rule of a method, and translates it. Reports at `place` what is wrong with it; undefined then, and for a
 * rule that the runtime must interpret.
 */
export function ruleOf(
  cel: string,
  method: DescMethod,
  fields: Fields,
  place: Place,
  problems: Problems,
): RuleModel | undefined {
  try {
    const rule = parseRule(cel);
    const scope = scopeOf(method);
    const checked = checkRule(rule, scope);
    return modelOf(cel, translate(rule, checked, scope, method.input, fields));
  } catch (error) {
    if (error instanceof Untranslatable) return undefined;
    if (!(error instanceof RuleError)) throw error;
    const whose = place.name.startsWith("(mesh.v1.method)") ? "rule" : `rule, for ${method.name},`;
    problems.error(place, `${whose} ${error.message}`, "auth/rule");
    return undefined;
  }
}

function modelOf(cel: string, condition: string): RuleModel | undefined {
  if (condition.length > longest) return undefined;
  const code = condition.replace(/"(?:[^"\\]|\\.)*"/g, "");
  return {
    cel,
    readsAuth: /\bauth\./.test(code),
    readsRequest: /\brequest\b/.test(code),
    condition: condition.split("\u0003"),
  };
}
