import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { isSensitive } from "../sensitive.ts";

/** An example of a message, without the values of sensitive fields. What is no JSON is given as text. `isMap`: of a map of such. */
export function exampleOf(desc: DescMessage, text: string, isMap = false): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isMap ? shownMap(value, desc) : shown(value, desc);
  } catch {
    // It cannot be told what is sensitive in it, so it is shown only where nothing is.
    return mayHold(desc, isSensitive) ? undefined : text;
  }
}

function shown(value: unknown, desc: DescMessage): unknown {
  if (Array.isArray(value)) return value.map((item) => shown(item, desc));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, inner]) => {
    const field = desc.fields.find(({ name, jsonName }) => name === key || jsonName === key);
    if (field && isSensitive(field)) return [];
    if (!field?.message) return [[key, inner] as const];
    return [[key, field.fieldKind === "map" ? shownMap(inner, field.message) : shown(inner, field.message)] as const];
  });
  return Object.fromEntries(entries);
}

function shownMap(value: unknown, desc: DescMessage): unknown {
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shown(inner, desc)]));
}

/** Whether a field of a message, or of one inside it, is such a field. */
function mayHold(desc: DescMessage, is: (field: DescField) => boolean): boolean {
  const seen = new Set([desc]);
  // The set grows while it is walked.
  for (const one of seen) {
    if (one.fields.some(is)) return true;
    for (const { message } of one.fields) if (message) seen.add(message);
  }
  return false;
}
