/** The largest messages, which transports enforce, and the most messages of a stream. */
export interface LimitsConfig {
  readonly requestBytes?: number;
  readonly responseBytes?: number;
  /** In each direction. */
  readonly messages?: number;
}
