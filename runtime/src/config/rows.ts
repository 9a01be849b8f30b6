import type { Field } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";
import { policies } from "../policies/index.ts";

/** A policy's row with its config's type set aside: the table of fields ties option text and config together. */
export type Row = Omit<Policy<string, unknown>, "fields" | "client" | "server"> & {
  readonly fields: { readonly [key: string]: Field<unknown> };
};

/** The rows of all policies. */
export const rows: readonly Row[] = Object.values(policies) as readonly unknown[] as readonly Row[];

const byOption = new Map(rows.map((row) => [row.option, row]));

/** The row of a field of `mesh.v1.Policy`; undefined when this version does not enforce it. */
export const rowOf = (option: string): Row | undefined => byOption.get(option);
