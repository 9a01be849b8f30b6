import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import type { ValidationResult, Validator, Violation } from "@bufbuild/protovalidate";
import { decided } from "../../core/decision.ts";
import type { RpcError } from "../../core/error.ts";
import type { Site } from "../../core/policy.ts";
import { refusal } from "../../core/refusal.ts";
import { describe, registryOf, schemaOf } from "../../messages/descriptors.ts";
import { BadRequest } from "../../messages/details.ts";
import { detail } from "../../messages/status.ts";
import { Cycles } from "./cycles.ts";
import { loadProtovalidate } from "./library.ts";
import { pathText } from "./path.ts";

/** A caller corrects one thing after the other; and details travel in trailers, which have little room. */
const mostViolations = 16;

/** Says what is wrong with a request message; undefined when nothing is. Throws when a rule cannot say. */
export type Check = (message: unknown) => RpcError | undefined;

/**
 * Compiles the rules of a method's requests. Throws when the package is missing, when there is no descriptor, and when a
 * rule is wrong.
 */
export function compileCheck({ method, service, shared }: Site): Check {
  const { path } = method;
  if (!service) throw new Error(`${path}: validation needs the service's descriptors: build it with its ServiceSpec`);
  const registry = registryOf(service);
  const schema = schemaOf(method.request, registry);
  const { validator, cycles } = shared(`validation:${service.name}`, () => {
    const { createValidator, rules } = loadProtovalidate(path);
    return { validator: createValidator({ registry }), cycles: new Cycles(rules) };
  });
  const toMessage = describe(method.request, registry);
  compile(validator, schema, path);
  cycles.plan(schema);
  const passedOver = cycles.finder(schema);

  /** What is wrong with a message, at its place in the request. */
  const violations = (schema: DescMessage, message: Message, at: string): Found[] => {
    const result: ValidationResult = validator.validate(schema, message);
    if (result.kind === "valid") return none;
    if (result.kind === "invalid") return result.violations.map((violation) => ({ violation, at }));
    decided("validation", "failed", path);
    // The library's own error would show the value on which the rule failed.
    throw new Error(
      `${path}: a validation rule of ${schema.typeName} could not be evaluated (${result.error.name}): correct its expression, so that it has an answer for every value`,
    );
  };

  return (request) => {
    const message = toMessage(request);
    let found = violations(schema, message, "");
    if (passedOver) {
      found = [...found];
      for (const inner of passedOver(message)) found.push(...violations(inner.schema, inner.message, inner.path));
    }
    return found.length === 0 ? undefined : refuse(found, path);
  };
}

/** A violation in a message that is itself somewhere in the request. */
interface Found {
  readonly violation: Violation;
  readonly at: string;
}

const none: Found[] = [];

/** Rules are compiled at the first message they are for: this is an empty one. What it lacks is no matter here. */
function compile(validator: Validator, schema: DescMessage, path: string): void {
  const { kind, error } = validator.validate(schema, create(schema) as Message);
  if (kind === "error" && error.name === "CompilationError") {
    throw new Error(`${path}: a validation rule of ${schema.typeName} is wrong: ${error.message}`, { cause: error });
  }
}

function refuse(found: readonly Found[], path: string): RpcError {
  const fieldViolations = found
    .slice(0, mostViolations)
    .map(({ violation: { field, message, ruleId, forKey }, at }) => ({
      field: [at, pathText(field)].filter((text) => text !== "").join("."),
      description: forKey ? `map key: ${message}` : message,
      reason: ruleId,
    }));
  const [first] = fieldViolations;
  const what = [first?.field, first?.description || first?.reason].filter(Boolean).join(": ");
  const more = found.length > 1 ? `, and ${found.length - 1} more` : "";
  decided("validation", "refused", path, { rule: first?.reason ?? "", violations: found.length });
  return refusal("INVALID_ARGUMENT", `${path}: ${what}${more}`, {
    refusedBy: "validation",
    details: [detail(BadRequest, { fieldViolations })],
  });
}
