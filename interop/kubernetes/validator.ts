import { Ajv, type ValidateFunction } from "ajv";
import { readCrds, type Structural } from "./crds.ts";
import { checkRules, type Outcome } from "./rules.ts";
import { metadataSchema, strictSchema } from "./strict-schema.ts";

/** An object as a manifest has it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: { readonly [field: string]: unknown };
}

const integer = (bits: number) => ({
  type: "number" as const,
  validate: (value: number) => Number.isInteger(value) && value >= -(2 ** (bits - 1)) && value < 2 ** (bits - 1),
});

/** Says what a cluster with these definitions would refuse or drop of an object. */
export class Validator {
  readonly #schemas = readCrds();
  readonly #compiled = new Map<string, ValidateFunction>();
  readonly #ajv = new Ajv({
    allErrors: true,
    useDefaults: true,
    strictTypes: false,
    strictRequired: false,
    allowUnionTypes: true,
    // Patterns are those of Go, which escapes what needs no escape.
    unicodeRegExp: false,
    formats: {
      int32: integer(32),
      int64: integer(64),
      double: true,
      byte: /^[A-Za-z0-9+/]*={0,2}$/,
      "date-time": true,
    },
  });
  /** What all rules came to that were evaluated so far. */
  readonly rules: Outcome = { broken: [], evaluated: 0, skipped: new Set() };

  /** What is wrong, one line each. Empty: the object is accepted as it is. */
  problems(object: Manifest): string[] {
    const type = `${object.apiVersion} ${object.kind}`;
    const schema = this.#schemas.get(type);
    if (!schema) return [`there is no ${type}`];
    const copy = structuredClone(object);
    const validate = this.#validate(type, schema);
    if (!validate(copy))
      return (validate.errors ?? []).map(
        ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
      );
    const before = this.rules.broken.length;
    checkRules(schema, copy, "", this.rules);
    return this.rules.broken.slice(before);
  }

  #validate(type: string, schema: Structural): ValidateFunction {
    const known = this.#compiled.get(type);
    if (known) return known;
    const { properties } = strictSchema(schema) as { readonly properties: object };
    const whole = {
      type: "object",
      required: ["apiVersion", "kind", "metadata", "spec"],
      additionalProperties: false,
      properties: { ...properties, apiVersion: { type: "string" }, kind: { type: "string" }, metadata: metadataSchema },
    };
    const compiled = this.#ajv.compile(whole);
    this.#compiled.set(type, compiled);
    return compiled;
  }
}
