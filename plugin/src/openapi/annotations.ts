import type { DescEnum, DescEnumValue, DescField, DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";
import { decodeOption } from "./wire.ts";

/** What google.api.field_behavior says about a field. Source: google/api/field_behavior.proto, AIP-203. */
export type Behavior =
  | "OPTIONAL"
  | "REQUIRED"
  | "OUTPUT_ONLY"
  | "INPUT_ONLY"
  | "IMMUTABLE"
  | "UNORDERED_LIST"
  | "NON_EMPTY_DEFAULT"
  | "IDENTIFIER";

const behaviors: readonly (Behavior | undefined)[] = [
  undefined,
  "OPTIONAL",
  "REQUIRED",
  "OUTPUT_ONLY",
  "INPUT_ONLY",
  "IMMUTABLE",
  "UNORDERED_LIST",
  "NON_EMPTY_DEFAULT",
  "IDENTIFIER",
];

// The numbers under which google.api extends options.
const fieldBehavior = 1052;
const visibility = 72295727;

const known = new WeakMap<DescField, ReadonlySet<Behavior>>();

/** All that google.api.field_behavior says about a field. */
export function behaviorOf(field: DescField): ReadonlySet<Behavior> {
  const before = known.get(field);
  if (before) return before;
  const numbers = (decodeOption(field, fieldBehavior, { repeated: "int" }) ?? []) as bigint[];
  const found = new Set(numbers.flatMap((number) => behaviors[Number(number)] ?? []));
  known.set(field, found);
  return found;
}

type Restrictable = DescService | DescMethod | DescMessage | DescField | DescEnum | DescEnumValue;

/**
 * Tells what readers of the document may know of. What google.api.VisibilityRule restricts is left out, unless one of its
 * labels is granted. Source: google/api/visibility.proto.
 */
export function visibleTo(granted: readonly string[]): (desc: Restrictable) => boolean {
  return (desc) => {
    const rule = decodeOption(desc, visibility, { message: () => ({ restriction: [2, "string"] }) });
    const { restriction = "" } = (rule ?? {}) as { restriction?: string };
    const labels = restriction.split(",").map((label) => label.trim());
    return restriction.trim() === "" || labels.some((label) => granted.includes(label));
  };
}
