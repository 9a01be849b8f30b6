import type { DescMethod } from "@bufbuild/protobuf";
import type { RuleModel } from "../model.ts";
import type { Place, Problems } from "../problems.ts";
import { checkRule } from "./check.ts";
import type { Fields } from "./fields.ts";
import { names } from "./names.ts";
import { parseRule, RuleError } from "./parse.ts";
import { scopeOf } from "./scope.ts";
import { translate } from "./translate.ts";
import { Untranslatable } from "./value.ts";

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

function modelOf(cel: string, condition: string): RuleModel {
  const code = names(condition);
  return {
    cel,
    readsAuth: /\bauth\b/.test(code),
    readsRequest: /\brequest\b/.test(code),
    condition: condition.split("\u0003"),
  };
}
