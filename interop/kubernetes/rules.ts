/** The rules in CEL that definitions carry besides their schemas: `x-kubernetes-validations`. */
import { type CelInput, CelScalar, celEnv, celFunc, celMethod, isCelError, parse, plan } from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import type { Structural } from "./crds.ts";

/** What the rules of an object came to. */
export interface Outcome {
  /** Rules that do not hold, with where and what the definition says about them. */
  readonly broken: string[];
  /** How often a rule was evaluated. */
  evaluated: number;
  /** Rules that the library for CEL does not understand, each with the reason. */
  readonly skipped: Set<string>;
}

/** Fields of these names are escaped in rules. Source: Kubernetes, "Validation rules". */
const reserved = new Set([
  "namespace",
  "in",
  "as",
  "break",
  "const",
  "continue",
  "else",
  "for",
  "function",
  "if",
  "import",
  "package",
  "return",
  "var",
  "void",
  "while",
]);

const env = celEnv({
  funcs: [
    ...strings,
    // Of Kubernetes' library for URLs, what the definitions use: the URL is its text.
    celFunc("url", [CelScalar.STRING], CelScalar.STRING, (text) => new URL(text).href),
    celMethod("getScheme", CelScalar.STRING, [], CelScalar.STRING, function () {
      return new URL(String(this)).protocol.slice(0, -1);
    }),
  ],
  re2: {
    compile(pattern) {
      const insensitive = pattern.includes("(?i)");
      return new RegExp(pattern.replaceAll("(?i)", ""), insensitive ? "i" : "");
    },
  },
});
const plans = new Map<string, ReturnType<typeof plan>>();

/** Evaluates the rules of a schema for a value that fits it, defaults filled in. Those about changes do not apply to new objects. */
export function checkRules(schema: Structural, value: unknown, path: string, outcome: Outcome): void {
  for (const { rule, message } of schema["x-kubernetes-validations"] ?? []) {
    if (/\boldSelf\b/.test(rule)) continue;
    const planned = planOf(rule, outcome);
    if (!planned) continue;
    const result = planned({ self: toCel(schema, value) });
    outcome.evaluated++;
    // What fails is refused, as a cluster does.
    if (result !== true) outcome.broken.push(`${path}: ${isCelError(result) ? result.message : (message ?? rule)}`);
  }
  if (Array.isArray(value))
    value.forEach((item, index) => {
      checkRules(schema.items ?? {}, item, `${path}[${index}]`, outcome);
    });
  else if (typeof value === "object" && value !== null)
    for (const [name, inner] of Object.entries(value))
      checkRules(schemaOf(schema, name), inner, `${path}.${name}`, outcome);
}

function planOf(rule: string, { skipped }: Outcome): ReturnType<typeof plan> | undefined {
  const known = plans.get(rule);
  if (known) return known;
  try {
    const planned = plan(env, parse(rule));
    plans.set(rule, planned);
    return planned;
  } catch (error) {
    skipped.add(`${rule}: ${(error as Error).message}`);
    return undefined;
  }
}

function schemaOf({ properties, additionalProperties }: Structural, name: string): Structural {
  return properties?.[name] ?? (typeof additionalProperties === "object" ? additionalProperties : {});
}

/** A value with the types that its schema says. */
function toCel(schema: Structural, value: unknown): CelInput {
  if (Array.isArray(value)) return value.map((item) => toCel(schema.items ?? {}, item));
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(
      ([name, inner]) =>
        [schema.properties && reserved.has(name) ? `__${name}__` : name, toCel(schemaOf(schema, name), inner)] as const,
    );
    return new Map(entries) as CelInput;
  }
  if (typeof value === "number" && schema.type !== "number") return BigInt(value);
  return value as CelInput;
}
