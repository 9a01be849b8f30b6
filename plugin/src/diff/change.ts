import type { Place } from "../problems.ts";

/**
 * What a change means for those who call or run a method, mildest first.
 *
 * - `none`: nothing is different for anybody, such as a new method.
 * - `operational`: the service runs differently, and no caller can tell, or only for the better.
 * - `semantic`: answers may be older, shared or made up.
 * - `load`: more may be sent, or for longer, when something goes wrong.
 * - `capacity`: callers that were served may be refused or cut off.
 * - `breaking`: callers that worked stop working.
 * - `security`: somebody may do or see what was refused before.
 */
export const changeClasses = ["none", "operational", "semantic", "load", "capacity", "breaking", "security"] as const;

/** One of `changeClasses`. */
export type ChangeClass = (typeof changeClasses)[number];

/** What a class is called in reports. */
export const classTitles: { readonly [Class in ChangeClass]: string } = {
  none: "No effect",
  operational: "Operational",
  semantic: "Semantic",
  load: "Load risk",
  capacity: "Capacity",
  breaking: "Breaking",
  security: "Security loosened",
};

/** One thing that two contracts say differently. */
export interface Change {
  readonly class: ChangeClass;
  /** The method's path, such as `/acme.shop.v1.Shop/GetOrder`; the full name of a field where no method is meant. */
  readonly subject: string;
  /** The option by its names in `mesh.v1.Policy`, such as `timeout.total` or `rate_limit[tenant].rate`; or `idempotency_level`. */
  readonly option: string;
  /** As an option would say it, such as `2s`; undefined for what was not there. */
  readonly before: string | undefined;
  /** Like `before`. */
  readonly after: string | undefined;
  /** What that means, in a sentence without its end: `longer deadlines are cut to it`. */
  readonly text: string;
  /** Where it is set in the contract after the change, or what would set it. Undefined: nothing is left there. */
  readonly place: Place | undefined;
  /** Like `place`, in the contract before the change. */
  readonly placeBefore: Place | undefined;
}

/** From which class on changes fail: every one but `none`, or `never`. */
export const thresholds = ["operational", "semantic", "load", "capacity", "breaking", "security", "never"] as const;

/** One of `thresholds`. */
export type Threshold = (typeof thresholds)[number];

/** How grave a class is: an index into `changeClasses`. */
export const gravity = (one: ChangeClass): number => changeClasses.indexOf(one);

/** The gravest class among changes; `none` without any. */
export const worst = (changes: readonly { readonly class: ChangeClass }[]): ChangeClass =>
  changeClasses[Math.max(0, ...changes.map((change) => gravity(change.class)))] as ChangeClass;

const exitCodes: { readonly [Class in ChangeClass]: number } = {
  none: 0,
  operational: 0,
  semantic: 1,
  load: 1,
  capacity: 2,
  breaking: 2,
  security: 3,
};

/**
 * What a command ends with: 3 for loosened security, 2 for breaking and capacity, 1 for load risks and semantic changes, 0
 * otherwise. The gravest change decides. `failOn` is the mildest class that fails, `never` for none of them.
 */
export function exitCodeOf(
  changes: readonly { readonly class: ChangeClass }[],
  failOn: Threshold = "semantic",
): number {
  const found = worst(changes);
  if (failOn === "never" || found === "none" || gravity(found) < gravity(failOn)) return 0;
  return Math.max(1, exitCodes[found]);
}
