import { type Field, OptionError, type OptionRecord } from "../../core/fields.ts";
import type { MethodFacts, Rule } from "../../core/policy.ts";

/** A request header that fills a request field. */
export interface HeaderBinding {
  /** In lower case. */
  readonly header: string;
  /** Proto names joined by dots. */
  readonly field: string;
}

/** A field name of HTTP. Source: RFC 9110, 5.1 and 5.6.2. */
const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

/** Belong to one connection or to the body, so they are no data of a request. Source: RFC 9110, 7.6.1 and 8. */
const notData = /^(?:connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-length|content-encoding)$/;

/** The option `headers`: each field once, as two headers could disagree. */
export const headerBindings: Field<readonly HeaderBinding[]> = {
  option: "headers",
  parse(value) {
    const taken = new Set<string>();
    return (value as readonly OptionRecord[]).map((item) => {
      const header = String(item.header ?? "").toLowerCase();
      const field = String(item.field ?? "");
      if (!token.test(header))
        throw new OptionError(`${JSON.stringify(header)} is no header: write a name such as "x-tenant"`, ["header"]);
      if (notData.test(header))
        throw new OptionError(`${header} is about the connection or the body, not about the request`, ["header"]);
      if (field === "") throw new OptionError(`is empty: name the request field that ${header} fills`, ["field"]);
      if (taken.has(field)) throw new OptionError(`${field} is filled by two headers: remove one of them`, ["field"]);
      taken.add(field);
      return { header, field };
    });
  },
};

/** What must hold between headers and the fields that they fill. */
export const headerRules: readonly Rule<{ readonly headers?: readonly HeaderBinding[] }>[] = [
  {
    id: "http/header-field",
    severity: "error",
    purpose: "A header fills a scalar field of the request.",
    check({ headers = [] }, method) {
      for (const binding of headers) {
        const problem = problemOf(binding, method);
        if (problem !== undefined) return problem;
      }
      return undefined;
    },
  },
];

function problemOf({ header, field }: HeaderBinding, method: MethodFacts): string | undefined {
  const facts = method.field(field);
  if (!facts) return `header ${header} fills ${field}, which the request does not have: name a field of it`;
  if (facts.map) return `header ${header} fills ${field}, which is a map: name a scalar field`;
  if (facts.scalar === "message")
    return `header ${header} fills ${field}, which is a message: name a scalar field, such as one inside it`;
  return undefined;
}
