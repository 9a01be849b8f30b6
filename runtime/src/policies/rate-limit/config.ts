/** One limit of a method. */
export interface RateLimitConfig {
  /** Identifies the limit in refusals and events. */
  readonly name: string;
  /** Admitted in the long run. */
  readonly perSecond: number;
  /** How many calls pass at once after a pause. */
  readonly burst: number;
  /** Keys; each combination of their values has a bucket of its own. Callers without a value share one. */
  readonly by: readonly string[];
  /**
   * What a call takes: a number, or `field:<path>`. A field's value below 1, or none, counts as 1; one above `burst`
   * can never be admitted, and the refusal says so.
   */
  readonly cost: string;
  /** One bucket across replicas. A server with such a limit needs a store. */
  readonly shared: boolean;
  /** With `shared`: refuse when the store is away. */
  readonly failClosed: boolean;
  /** Count and report, never refuse. */
  readonly shadow: boolean;
  /** `service`: the methods of the service that carry the limit share its buckets. Set by the generator. */
  readonly scope: "method" | "service";
}
