import type { Call } from "../../core/call.ts";
import { OptionError } from "../../core/fields.ts";
import type { MethodSpec } from "../../core/spec.ts";
import { fieldReader } from "../../messages/field.ts";

/** What one call takes: a number above 0, or the path of a request field. */
export function parseCost(text: string): number | { readonly field: string } {
  const [, field] = /^field:(.+)$/.exec(text) ?? [];
  if (field !== undefined) return { field };
  const cost = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(cost > 0)) {
    throw new OptionError(`${JSON.stringify(text)} is not a cost: write a number above 0, or "field:<path>"`);
  }
  return cost;
}

/** The cost of each call of a method; a number when all cost the same. */
export function costOf(text: string, { request }: MethodSpec): number | ((call: Call) => number) {
  const cost = parseCost(text);
  if (typeof cost === "number") return cost;
  const read = fieldReader(cost.field, request);
  return (call) => {
    const value = read(call.request);
    const amount = Array.isArray(value) ? value.length : Number(value) || 1;
    // A caller must not get in for free, let alone earn quota, by what it writes into a request.
    return Math.max(1, amount);
  };
}
