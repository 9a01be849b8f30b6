import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { isSensitive } from "../sensitive.ts";
import type { LintRule } from "./rule.ts";

/** A cache keeps replies in memory, and may give them to whoever `vary` lets share them. */
export const cachedSecret: LintRule = {
  id: "cache/sensitive-reply",
  severity: "warning",
  purpose: "A reply with sensitive fields is not cached.",
  check({ services }, report) {
    for (const { methods } of services) {
      for (const { desc, name, policy, origins } of methods) {
        const place = origins.get("cache")?.place;
        if (!policy.cache || !place) continue;
        const field = sensitiveIn(desc.output, new Set());
        if (!field) continue;
        report(
          place,
          `replies hold ${field.parent.name}.${field.name}, which is sensitive, and a cache keeps them: drop the cache with off: CACHE, or leave the field out of the reply`,
          origins.get("cache")?.level === "method" ? undefined : name,
        );
      }
    }
  },
};

function sensitiveIn(message: DescMessage, seen: Set<DescMessage>): DescField | undefined {
  if (seen.has(message)) return undefined;
  seen.add(message);
  const own = message.fields.find(isSensitive);
  if (own) return own;
  for (const { message: inner } of message.fields) {
    const found = inner && sensitiveIn(inner, seen);
    if (found) return found;
  }
  return undefined;
}
