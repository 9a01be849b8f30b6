import { type Field, policies } from "@protomesh/runtime/policies";
import type { MethodContract } from "../contract/contract.ts";
import type { Place } from "../problems.ts";
import { type Change, type ChangeClass, gravity } from "./change.ts";
import { kinds } from "./kinds.ts";
import { optionText } from "./option-text.ts";
import type { Both, Judge, Kind, ListKind, Verdict } from "./verdict.ts";

type Fields = { readonly [key: string]: Field<unknown> };
type Config = { readonly [key: string]: unknown };
type AnyRow = Judge<unknown> | { readonly rows: AnyRows; readonly as?: string };
type AnyRows = { readonly [key: string]: AnyRow };

/** What the resolved policies of a method say differently. */
export function diffPolicies(both: Both): Change[] {
  return Object.entries(policies).flatMap(([name, row]) => {
    const { option, fields } = row;
    const absent = "absent" in row ? row.absent : undefined;
    const kind = kinds[name as keyof typeof kinds] as unknown as Kind<Config> | ListKind<Config>;
    const [before, after] = [configOf(both.before, name) ?? absent, configOf(both.after, name) ?? absent];
    const compare = new Comparison(both, fields as Fields);
    if (!("idle" in kind)) return compare.kind(option, kind, before as Config, after as Config);
    const [old, now] = [byName(before), byName(after)];
    return [...new Set([...old.keys(), ...now.keys()])].flatMap((item) => {
      const [one, other] = [old.get(item), now.get(item)];
      const changes = compare.kind(`${option}[${item}]`, kind, one, other);
      const idle = one !== undefined && other !== undefined && kind.idle(one, other);
      return idle ? changes.map((change) => ({ ...change, class: "operational" as const })) : changes;
    });
  });
}

const configOf = ({ policy }: MethodContract, name: string): unknown => (policy as Config)[name];

const byName = (items: unknown): Map<unknown, Config> =>
  new Map(((items ?? []) as readonly Config[]).map((item) => [item.name, item]));

/** Compares the values of one policy. */
class Comparison {
  readonly #both: Both;
  readonly #fields: Fields;

  constructor(both: Both, fields: Fields) {
    this.#both = both;
    this.#fields = fields;
  }

  kind(option: string, kind: Kind<Config>, before: Config | undefined, after: Config | undefined): Change[] {
    if (before === undefined && after === undefined) return [];
    if (before === undefined && kind.added && after) {
      return this.#change(option, kind.added(after, this.#both), undefined, this.#whole(option, after, "after"));
    }
    if (after === undefined && kind.removed && before) {
      return this.#change(option, kind.removed(before), this.#whole(option, before, "before"), undefined);
    }
    return this.#rows(option, kind.rows as AnyRows, this.#fields, before ?? {}, after ?? {});
  }

  #rows(option: string, rows: AnyRows, fields: Fields, before: Config, after: Config): Change[] {
    return Object.entries(rows).flatMap(([key, row]) => {
      const [old, now] = [before[key], after[key]];
      if (JSON.stringify(old) === JSON.stringify(now)) return [];
      const name = `${option}.${fields[key]?.option || optionName(key)}`;
      if (typeof row === "object") {
        return this.#rows(
          row.as ?? name,
          row.rows,
          fields[key]?.fields ?? {},
          (old ?? {}) as Config,
          (now ?? {}) as Config,
        );
      }
      // Nobody has set it: its default follows another option, which is told.
      if (fields[key]?.option && !this.#isSet(name)) return [];
      const text = (value: unknown) => (value === undefined ? undefined : optionText(key, value));
      return this.#change(name, row(old, now, this.#both), text(old), text(now));
    });
  }

  #isSet(option: string): boolean {
    return this.#both.before.origins.has(option) || this.#both.after.origins.has(option);
  }

  #change(
    option: string,
    verdicts: readonly Verdict[],
    before: string | undefined,
    after: string | undefined,
  ): Change[] {
    const [first, ...others] = [...verdicts].sort(([one], [other]) => gravity(other) - gravity(one));
    if (!first) return [];
    return [
      {
        class: first[0] as ChangeClass,
        subject: this.#both.after.path,
        option,
        before,
        after,
        text: [first, ...others].map(([, why]) => why).join("; "),
        place: placeOf(this.#both.after, option),
        placeBefore: placeOf(this.#both.before, option),
      },
    ];
  }

  /** A policy with the options that somebody has set, or all when that is not known. */
  #whole(option: string, config: Config, side: keyof Both): string {
    const { origins } = this.#both[side];
    const set = Object.keys(config).filter((key) => origins.has(`${option}.${this.#fields[key]?.option}`));
    const shown = set.length > 0 ? set : Object.keys(config).filter((key) => this.#fields[key]?.option);
    const texts = shown.map((key) => `${this.#fields[key]?.option}: ${optionText(key, config[key])}`);
    return texts.length === 0 ? "{}" : `{ ${texts.join(", ")} }`;
  }
}

/** What an option would be called, for a key that is none by itself: `floor_per_second` for `floorPerSecond`. */
const optionName = (key: string): string =>
  key.replace(/Ms$/, "").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Where an option was set, or the options around it; the method itself where nobody has set them. */
function placeOf({ origins, place }: MethodContract, option: string): Place {
  for (
    let name = option;
    name !== "";
    name = name.slice(0, Math.max(0, name.lastIndexOf("."), name.lastIndexOf("[")))
  ) {
    const origin = origins.get(name);
    if (origin) return origin.place;
  }
  return place;
}
