import { type Change, changeClasses } from "./change.ts";

/** A change that several methods have for the same reason, such as an option of their service. */
export interface ChangeGroup extends Omit<Change, "subject"> {
  readonly subjects: readonly string[];
}

/** Changes that say the same, each once; the gravest first, then in their order. */
export function groupChanges(changes: readonly Change[]): ChangeGroup[] {
  const groups = new Map<string, ChangeGroup & { subjects: string[] }>();
  for (const { subject, ...change } of changes) {
    const { class: grave, option, before, after, text, place, placeBefore } = change;
    const at = [place, placeBefore].map((one) => one && [one.file.proto.name, one.path]);
    // The place of a method is its own; only what is set above it is shared.
    const key = JSON.stringify([grave, option, before, after, text, at]);
    const group = groups.get(key) ?? { ...change, subjects: [] };
    group.subjects.push(subject);
    groups.set(key, group);
  }
  return [...changeClasses].reverse().flatMap((one) => [...groups.values()].filter((group) => group.class === one));
}
