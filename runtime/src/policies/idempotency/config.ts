/** Where the key of a request is, and how long its answer is remembered. */
export interface IdempotencyConfig {
  /** `field:<name>` or `metadata:<name>`. */
  readonly key: string;
  readonly windowMs: number;
}
