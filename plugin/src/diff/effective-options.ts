import { type Field, policies } from "@protomesh/runtime/policies";
import type { MethodContract } from "../contract/contract.ts";
import { oneLine } from "../one-line.ts";
import type { Origin } from "../options/effective.ts";
import { optionText } from "./option-text.ts";

/** One option of a policy in force. */
export interface EffectiveOption {
  /** By its names in `mesh.v1.Policy`, such as `timeout.total` or `rate_limit[tenant].rate`. */
  readonly option: string;
  /** As an option would say it, such as `2s`. */
  readonly value: string;
  /** Who set it; undefined for a default. */
  readonly origin: Origin | undefined;
}

type Fields = { readonly [key: string]: Field<unknown> };
type Config = { readonly [key: string]: unknown };

/** All options of a method's policy in force, in the order of the policies; lists that nobody fills are left out. */
export function effectiveOptions({ policy, origins }: MethodContract): EffectiveOption[] {
  const of = (option: string, fields: Fields, config: Config): EffectiveOption[] =>
    Object.entries(fields).flatMap(([key, field]): EffectiveOption[] => {
      const value = config[key];
      // What has no name, such as a hedge's budget, is another policy's option.
      if (value === undefined || field.option === "") return [];
      const name = `${option}.${field.option}`;
      if (field.fields) return of(name, field.fields, value as Config);
      if (Array.isArray(value) && value.length === 0) return [];
      return [{ option: oneLine(name), value: optionText(key, value), origin: origins.get(name) }];
    });
  return Object.entries(policies).flatMap(([name, row]): EffectiveOption[] => {
    const { option, fields } = row;
    const absent = "absent" in row ? row.absent : undefined;
    const config = ((policy as Config)[name] ?? absent) as Config | readonly Config[] | undefined;
    if (config === undefined) return [];
    if (Array.isArray(config))
      return (config as readonly Config[]).flatMap((item) => of(`${option}[${item.name}]`, fields as Fields, item));
    const options = of(option, fields as Fields, config as Config);
    return options.length > 0 ? options : [{ option, value: "on", origin: origins.get(option) }];
  });
}
