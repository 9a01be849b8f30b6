import { type Field, policies } from "@protomesh/runtime/policies";
import type { Contract, MethodContract } from "../contract/contract.ts";
import type { Inline, Table } from "./blocks.ts";
import { bytes, duration, plain, rate } from "./format.ts";
import { joined } from "./inline.ts";

type Locate = Contract["locate"];
type Fields = { readonly [key: string]: Field<unknown> };

/** What an empty list says, where it says something. */
const empty: { readonly [option: string]: string } = {
  "auth.providers": "every provider of the server",
  by: "all callers share one",
  "cache.vary": "the request and who calls",
};

/** One option in force: what it is and who set it. */
export interface OptionInForce {
  readonly option: string;
  readonly value: Inline;
  readonly from: Inline;
}

/** Every option in force on a method, in the order of the policies. */
export function optionsOf(method: MethodContract, locate: Locate): OptionInForce[] {
  return Object.values(policies).flatMap(({ name, option, fields, ...row }) => {
    const config: unknown = method.policy[name] ?? ("absent" in row ? row.absent : undefined);
    if (config === undefined) return [];
    if (Array.isArray(config))
      return config.flatMap((item: { readonly name: string; readonly scope?: string }) =>
        ofMessage(fields as Fields, item as never, `${option}[${item.name}]`, method, locate),
      );
    const options = ofMessage(fields as Fields, config as never, option, method, locate);
    return options.length > 0 ? options : [{ option, value: "on", from: cameFrom(method, option, locate) }];
  });
}

/** The options in force on a method as a table. */
export function policyTable(method: MethodContract, locate: Locate): Table {
  return {
    kind: "table",
    caption: `Policy of ${method.name}`,
    head: ["Option", "Value", "Came from"],
    widths: [32, 34, 34],
    rows: optionsOf(method, locate).map(({ option, value, from }) => [{ code: option }, value, from]),
  };
}

function ofMessage(
  fields: Fields,
  config: { readonly [key: string]: unknown },
  path: string,
  method: MethodContract,
  locate: Locate,
): OptionInForce[] {
  return Object.entries(fields).flatMap(([key, field]): OptionInForce[] => {
    const value = config[key];
    // What hedges cost comes out of the budget that retries have.
    if (path === "hedge" && key === "budget")
      return ofMessage(policies.retry.fields.budget.fields ?? {}, value as never, "retry.budget", method, locate);
    // A key without an option is made of others, or says what the name in the path says.
    if (value === undefined || field.option === "" || (path.endsWith("]") && key === "name")) return [];
    const option = `${path}.${field.option}`;
    if (field.fields) return ofMessage(field.fields, value as never, option, method, locate);
    const text = shown(key, value, option);
    return text === undefined ? [] : [{ option, value: text, from: cameFrom(method, option, locate) }];
  });
}

/** A value as readers say it. The unit is in the key's name, as everywhere in configs. */
function shown(key: string, value: unknown, option: string): Inline | undefined {
  if (typeof value === "number") {
    if (/Ms$/.test(key)) return duration(value);
    if (/Bytes$/.test(key)) return bytes(value);
    return key === "perSecond" ? rate(value) : plain(value);
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (!Array.isArray(value)) return { code: String(value) };
  if (value.length === 0) return empty[option] ?? empty[/\]\.(\w+)$/.exec(option)?.[1] ?? ""];
  return joined(
    value.map((item: unknown) => ({ code: typeof item === "object" ? bindingOf(item as object) : String(item) })),
    " ",
  );
}

/** A header and the field that it fills. */
const bindingOf = (item: object): string => Object.values(item).map(String).join(" → ");

/** Who set an option last: the level, the profile and the place. */
function cameFrom({ origins }: MethodContract, option: string, locate: Locate): Inline {
  const origin = origins.get(option);
  if (!origin) return { muted: "default" };
  const { file, line } = locate(origin.place);
  const level = origin.level === "file" ? "file defaults" : origin.level;
  const profile: readonly Inline[] = origin.profile === undefined ? [] : [", profile ", { code: origin.profile }];
  return [level, ...profile, { muted: ` · ${file}:${line}` }];
}
