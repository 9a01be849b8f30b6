import type { Metadata } from "../../core/metadata.ts";
import { unauthenticated } from "./refuse.ts";

/** The bearer token of a call, or undefined when it has none. Source: RFC 6750, 2.1. */
export function bearerToken(metadata: Metadata): string | undefined {
  const values = metadata.all("authorization");
  const [value] = values;
  if (typeof value !== "string") return undefined;
  // Two values leave open whose the call is; whoever reads the other one would see another caller.
  if (values.length > 1) throw unauthenticated("the call has several authorization values: send one");
  return /^bearer +/i.test(value) ? value.slice(value.indexOf(" ")).trim() : undefined;
}
