import type { MethodContract } from "../contract/contract.ts";
import type { Change } from "./change.ts";
import { diffPolicies } from "./policy.ts";
import { diffRoutes } from "./routes.ts";
import type { Both } from "./verdict.ts";

/** What a method of both contracts says differently. */
export const diffMethods = (both: Both): Change[] => [
  ...diffIdempotency(both),
  ...diffPolicies(both),
  ...diffRoutes(both),
];

type Level = MethodContract["idempotency"];

/** From nothing promised to the most. */
const levels: readonly Level[] = [undefined, "IDEMPOTENT", "NO_SIDE_EFFECTS"];

function diffIdempotency({ before, after }: Both): Change[] {
  const lowered = levels.indexOf(after.idempotency) < levels.indexOf(before.idempotency);
  if (before.idempotency === after.idempotency) return [];
  return [
    {
      class: lowered ? "breaking" : "operational",
      subject: after.path,
      option: "idempotency_level",
      before: before.idempotency,
      after: after.idempotency,
      text: lowered
        ? "clients of before send calls again, or keep their replies, because they may"
        : "clients may send calls again, or keep their replies",
      place: after.place,
      placeBefore: before.place,
    },
  ];
}

/** A method that was not there. Nobody depends on it yet. */
export const newMethod = ({ path, place, policy }: MethodContract): Change => ({
  class: "none",
  subject: path,
  option: "method",
  before: undefined,
  after: `auth: ${policy.auth?.access ?? "DENY"}`,
  text: "a new method",
  place,
  placeBefore: undefined,
});

/** A method that is gone. `place` is the service, if that is still there. */
export const goneMethod = ({ path, place: placeBefore, policy }: MethodContract, place: Change["place"]): Change => ({
  class: "none",
  subject: path,
  option: "method",
  before: `auth: ${policy.auth?.access ?? "DENY"}`,
  after: undefined,
  text: "gone or renamed: buf breaking says whether that may be",
  place,
  placeBefore,
});
