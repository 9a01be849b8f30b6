import { type Field, type Policy, policies } from "@protomesh/runtime/policies";

/** A policy's row with its config's type set aside: the table of fields ties option text and config together. */
export type Row = Omit<Policy<string, unknown>, "fields" | "client" | "server"> & { readonly fields: Fields };

/** How the options of one message become config, by config key. */
export type Fields = { readonly [key: string]: Field<unknown> };

/** The rows of all policies, in the order in which their kinds are printed. */
export const rows: readonly Row[] = Object.values(policies) as readonly unknown[] as readonly Row[];

const byOption = new Map(rows.map((row) => [row.option, row]));

/** The row of a field of `mesh.v1.Policy`; undefined when this version does not enforce it. */
export const rowOf = (option: string): Row | undefined => byOption.get(option);

/** The entry of a table for an option field; undefined when this version does not enforce it. */
export const fieldOf = (fields: Fields, option: string): Field<unknown> | undefined =>
  Object.values(fields).find((field) => field.option === option);
