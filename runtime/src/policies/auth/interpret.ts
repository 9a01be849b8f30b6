import { createRequire } from "node:module";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { Site } from "../../core/policy.ts";
import type { AuthRule, AuthVariables } from "../../core/spec.ts";
import { describe, registryOf, schemaOf } from "../../messages/descriptors.ts";

type Cel = typeof import("@bufbuild/cel");

/**
 * Evaluates a rule that generated code does not hold as code: one that the generator left to this, or one that the
 * run-time configuration has changed.
 *
 * Throws when the rule is no CEL expression, or nothing here can evaluate it. A name that does not exist is an error of
 * each call, which refuses it.
 */
export function interpret(rule: string, { method, service }: Site, load: () => Cel = loadCel): AuthRule["allows"] {
  const fail = (text: string, cause?: unknown): never => {
    throw new Error(`${method.path}: auth.rule ${text}`, { cause });
  };
  if (!service) return fail("needs the descriptors of the service, and there are none: serve a generated service");
  const { celEnv, isCelError, parse, plan } = packageOrFail(load, fail);
  const registry = registryOf(service);
  const schema = schemaOf(method.request, registry);
  const described = describe(method.request, registry);
  const namespace = service.name.split(".").slice(0, -1).join(".");

  let evaluate: (variables: object) => unknown;
  try {
    evaluate = plan(celEnv({ namespace, registry }), parse(rule)) as (variables: object) => unknown;
  } catch (error) {
    return fail(`is not a CEL expression: ${(error as Error).message}`, error);
  }
  const about = new Map([
    ["service", service.name],
    ["name", method.name],
  ]);
  // Most rules that do not read the request do not even mention it, and are spared the way over its bytes.
  const readsRequest = rule.includes("request");

  return (auth, request) => {
    const result = evaluate({
      // With a prototype, `__proto__` would be a variable, and different from any text.
      __proto__: null,
      auth: variablesIn(auth),
      request: readsRequest ? reflect(schema, described(request)) : undefined,
      method: about,
    });
    if (typeof result === "boolean") return result;
    throw isCelError(result) ? result : new TypeError(`${method.path}: auth.rule is not a bool`);
  };
}

/** Loads the interpreter, from where `require` finds packages. */
export function loadCel(require: NodeJS.Require = createRequire(import.meta.url)): Cel {
  return require("@bufbuild/cel") as Cel;
}

function packageOrFail(load: () => Cel, fail: (text: string, cause: unknown) => never): Cel {
  try {
    return load();
  } catch (cause) {
    return fail("needs the package @bufbuild/cel, which cannot be loaded: npm install @bufbuild/cel", cause);
  }
}

const variablesIn = ({ sub, provider, scopes, audiences, claims }: AuthVariables): ReadonlyMap<string, unknown> =>
  new Map<string, unknown>([
    ["sub", sub],
    ["provider", provider],
    ["scopes", scopes],
    ["audiences", audiences],
    ["claims", valueIn(claims)],
  ]);

/** Objects without a prototype are none to @bufbuild/cel. */
function valueIn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(valueIn);
  if (typeof value !== "object" || value === null) return value;
  return new Map(Object.entries(value).map(([key, inner]) => [key, valueIn(inner)]));
}
