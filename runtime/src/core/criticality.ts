import type { Metadata } from "./metadata.ts";

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

/** The one that matters less. */
export const lowerCriticality = (one: Criticality, other: Criticality): Criticality =>
  criticalities.indexOf(one) > criticalities.indexOf(other) ? one : other;
