import { parseKey } from "../../core/fields.ts";
import type { FieldFacts, Rule } from "../../core/policy.ts";
import type { IdempotencyConfig } from "./config.ts";

const longestMs = 7 * 24 * 3_600_000;

/** The request field that holds the key; undefined when it is in metadata, or nowhere. */
const fieldOf = (key: string | undefined): string | undefined => {
  if (key === undefined) return undefined;
  const { kind, name } = parseKey(key);
  return kind === "field" ? name : undefined;
};

const notAKey = ({ scalar, repeated, map, oneof }: FieldFacts): string | undefined => {
  if (map) return "is a map";
  if (repeated) return "is repeated";
  if (scalar !== "string") return `is a ${scalar}`;
  return oneof ? "is a member of a oneof" : undefined;
};

/** What must hold for idempotency. */
export const rules: readonly Rule<IdempotencyConfig>[] = [
  {
    id: "idempotency/key-missing",
    severity: "error",
    purpose: "An idempotency policy says where the key is.",
    check: ({ key }) =>
      key === undefined ? 'key is missing: write "field:<name>" or "metadata:idempotency-key"' : undefined,
  },
  {
    id: "idempotency/of-stream",
    severity: "error",
    purpose: "Only unary methods have an idempotency policy.",
    whenInherited: () => undefined,
    check: (_, { kind }) =>
      kind === "unary" ? undefined : "only unary methods can be answered again: drop it here with off: IDEMPOTENCY",
  },
  {
    id: "idempotency/key-field",
    severity: "error",
    purpose: "The field of an idempotency key is a string field of the request.",
    check({ key }, { kind, field }) {
      const name = fieldOf(key);
      if (name === undefined || kind !== "unary") return undefined;
      const facts = field(name);
      if (!facts) return `the request has no field ${name}: add it, or correct the key field:${name}`;
      const problem = notAKey(facts);
      return problem && `field ${name} ${problem}, which holds no key: use a string field`;
    },
  },
  {
    id: "idempotency/key-sensitive",
    severity: "error",
    purpose: "The field of an idempotency key is not sensitive.",
    check({ key }, { field }) {
      const name = fieldOf(key);
      return name !== undefined && field(name)?.sensitive
        ? `field ${name} is sensitive, and a key is no secret: use a field of its own`
        : undefined;
    },
  },
  {
    id: "idempotency/useless",
    severity: "warning",
    purpose: "A method without side effects remembers no answers.",
    check: (_, { idempotency }) =>
      idempotency === "NO_SIDE_EFFECTS"
        ? "a method without side effects can be repeated anyway, and remembering its answers only takes memory: drop it here with off: IDEMPOTENCY"
        : undefined,
  },
  {
    id: "idempotency/window-long",
    severity: "warning",
    purpose: "A server remembers answers for seven days at most.",
    check: ({ windowMs }) =>
      windowMs > longestMs
        ? `a server keeps its answers in memory and forgets them when it stops, so a window of ${windowMs / 86_400_000} days promises too much: use 7 days or less`
        : undefined,
  },
];
