import type { MethodContract } from "../../contract/contract.ts";
import type { Origin } from "../../options/effective.ts";
import type { Place } from "../../problems.ts";
import type { Loss } from "../target.ts";

/** What a target could not express, each at the option that asked for it. */
export class Losses {
  readonly all: Loss[] = [];

  /**
   * Reports an option of a method: its kind, or its kind and field, by the names of options.proto, such as `retry.jitter`. The
   * place is where that was set; for what nobody set, the kind or the method.
   */
  add(method: MethodContract, option: string, text: string): void {
    const [kind = "", field] = option.split(".");
    const origin = method.origins.get(option) ?? method.origins.get(kind);
    if (!origin) this.at(method.place, text);
    else this.at(placeOf(origin, field), text, origin.level === "method" ? undefined : method.name);
  }

  /** Reports what is said by whole elements, such as a service. */
  at(place: Place, text: string, method?: string): void {
    this.all.push({ place, method, text });
  }
}

/** Whether a level or a profile sets an option, such as `retry.jitter`: what is only a default needs no report. */
export const isSet = ({ origins }: MethodContract, option: string): boolean => origins.has(option);

function placeOf({ place, profile }: Origin, field: string | undefined): Place {
  // What a profile says is placed where the profile is used.
  return field === undefined || profile !== undefined ? place : place.field(field);
}
