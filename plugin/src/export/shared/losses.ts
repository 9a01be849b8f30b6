import type { MethodContract } from "../../contract/contract.ts";
import type { Origin } from "../../options/effective.ts";
import type { Place } from "../../problems.ts";
import type { Loss } from "../target.ts";

/** What a target could not express, each at the option that asked for it. */
export class Losses {
  readonly all: Loss[] = [];

  /**
   * Reports an option of a method, as its origins name it: `hedge`, `retry.jitter`, `rate_limit[tenant].burst`. The place is
   * where that was set; of what nobody set, where the kind was, else the method.
   */
  add(method: MethodContract, option: string, text: string): void {
    const [kind = "", ...fields] = option.split(".");
    const origin =
      method.origins.get(option) ?? method.origins.get(kind) ?? method.origins.get(kind.split("[")[0] as string);
    if (!origin) this.at(method.place, text);
    else {
      // A place that says `use` does not say which of the profile's options it is.
      const { level, profile } = origin;
      const whole = profile === undefined ? text : `${option} of profile ${profile}: ${text}`;
      this.at(placeOf(origin, kind, fields), whole, level === "method" ? undefined : method.name);
    }
  }

  /** Reports what is said by whole elements, such as a service. */
  at(place: Place, text: string, method?: string): void {
    this.all.push({ place, method, text });
  }
}

/** Whether a level or a profile sets an option, such as `retry.jitter`: what is only a default needs no report. */
export const isSet = ({ origins }: MethodContract, option: string): boolean => origins.has(option);

function placeOf({ place, profile }: Origin, kind: string, fields: readonly string[]): Place {
  // What a profile says is placed where the profile is used, and items of a list where the list begins.
  if (profile !== undefined || kind.includes("[")) return place;
  return fields.reduce((path, field) => path.field(field), place);
}
