import { decided } from "../../core/decision.ts";
import type { Layer } from "../../core/layer.ts";
import type { Site } from "../../core/policy.ts";
import type { AuthConfig } from "./config.ts";
import { interpret } from "./interpret.ts";
import { denied } from "./refuse.ts";
import { variablesOf } from "./variables.ts";

/**
 * Lets only those calls pass for which the rule is true; an error in it refuses the call.
 *
 * Throws when the server cannot evaluate the rule: one that is not checked must not look like one that is.
 */
export function checkRule({ access, rule }: AuthConfig, site: Site): Layer | undefined {
  // What denies everybody needs no rule to do so.
  if (rule === undefined || access === "DENY") return undefined;
  const { method } = site;
  const { path, kind, authRule } = method;
  if (access === "PUBLIC") {
    throw new Error(
      `${path}: auth.rule says who may call, but anybody may call a PUBLIC method: remove one of the two`,
    );
  }
  if (kind === "clientStream" || kind === "bidi") {
    throw new Error(`${path}: auth.rule is for one request, and the requests of ${path} stream: remove it`);
  }
  const allows = authRule?.cel === rule ? authRule.allows : interpret(rule, site);
  // One text for all reasons: who may not read something learns nothing about it.
  const refused = denied(`${path} is not allowed to this caller with this request`);

  return (next) => (call) => {
    const { principal, request } = call;
    let allowed = false;
    let outcome = "refused";
    try {
      // Nobody is no caller with an empty name: without a principal, "auth.sub == request.user_id" must not be true.
      allowed = principal !== undefined && allows(variablesOf(principal), request) === true;
    } catch {
      outcome = "ruleError";
    }
    if (allowed) return next(call);
    decided("auth", outcome, path);
    return Promise.reject(refused);
  };
}
