import { Metadata } from "./metadata.ts";

/** How much a call matters, the most first. Source: Google SRE book, "Handling Overload". */
export const criticalities = ["CRITICAL_PLUS", "CRITICAL", "SHEDDABLE_PLUS", "SHEDDABLE"] as const;

/** How much a call matters to a server that cannot serve all. */
export type Criticality = (typeof criticalities)[number];

/** Request metadata by which the criticality of a call travels with it, also to the calls that are made for it. */
export const criticalityHeader = "x-mesh-criticality";

/** What the metadata says, or undefined when it says nothing that is a criticality. */
export function criticalityOf(metadata: Metadata): Criticality | undefined {
  if (metadata.empty) return undefined;
  const value = metadata.get(criticalityHeader) as Criticality | undefined;
  return value !== undefined && criticalities.includes(value) ? value : undefined;
}

/** The one that matters less. What is undefined claims nothing; undefined when neither claims anything. */
export function lowerCriticality<Other extends Criticality | undefined>(
  one: Criticality | undefined,
  other: Other,
): Criticality | Other {
  if (one === undefined) return other;
  if (other === undefined) return one;
  return criticalities.indexOf(one) > criticalities.indexOf(other) ? one : other;
}

/** The metadata with this criticality and no other. The original stays as it is, and unread if it is lazy. */
export function withCriticality(metadata: Metadata, criticality: Criticality): Metadata {
  const values = [criticality];
  return Metadata.lazy({
    all: (key) => (key === criticalityHeader ? values : metadata.all(key)),
    *entries() {
      for (const entry of metadata) if (entry[0] !== criticalityHeader) yield entry;
      yield [criticalityHeader, criticality];
    },
  });
}
