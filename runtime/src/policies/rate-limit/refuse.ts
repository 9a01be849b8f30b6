import type { ErrorDetail, RpcError } from "../../core/error.ts";
import { Metadata } from "../../core/metadata.ts";
import { refusal } from "../../core/refusal.ts";
import { QuotaFailure, RetryInfo } from "../../messages/details.ts";
import { detail } from "../../messages/status.ts";
import type { RateLimitConfig } from "./config.ts";
import { quotaFields, quotaOf } from "./quota.ts";

const longestPushbackMs = 2 ** 31 - 1;

/** What the refusals of one limit have in common, made once. */
export class Refusals {
  readonly #path: string;
  readonly #says: string;
  readonly #burst: number;
  readonly #violation: { readonly subject: string; readonly description: string } & ReturnType<typeof quotaFields>;
  readonly #quota: ErrorDetail;

  constructor(path: string, config: RateLimitConfig) {
    const { name, perSecond, burst } = config;
    this.#path = path;
    this.#says = `limit "${name}" admits ${rateText(perSecond)}, ${burst} at once`;
    this.#burst = burst;
    this.#violation = { subject: `rate_limit:${name}`, description: this.#says, ...quotaFields(quotaOf(config)) };
    this.#quota = detail(QuotaFailure, { violations: [this.#violation] });
  }

  /** RESOURCE_EXHAUSTED, with the wait for people, for gRPC's retries and for programs. */
  after(waitMs: number, also: readonly Refusals[]): RpcError {
    const ms = Math.min(Math.ceil(waitMs), longestPushbackMs);
    const violations = [this, ...also].map((one) => one.#violation);
    return this.#refuse(`wait ${ms} ms`, String(ms), [
      detail(RetryInfo, { retryDelay: { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1e6 } }),
      also.length === 0 ? this.#quota : detail(QuotaFailure, { violations }),
    ]);
  }

  /** For a call that costs more than the limit ever holds: waiting is of no use. */
  forever(cost: number): RpcError {
    return this.#refuse(`this call costs ${cost}, ask for ${this.#burst} or less`, "-1", [this.#quota]);
  }

  #refuse(what: string, pushback: string, details: readonly ErrorDetail[]): RpcError {
    const metadata = new Metadata().set("grpc-retry-pushback-ms", pushback);
    const text = `${this.#path}: ${this.#says}: ${what}`;
    return refusal("RESOURCE_EXHAUSTED", text, { refusedBy: "rateLimit", details, metadata });
  }
}

/** The rate in the unit in which it is at least 1, as the option was most likely written. */
function rateText(perSecond: number): string {
  const [factor, unit] = perSecond >= 1 ? [1, "second"] : perSecond * 60 >= 1 ? [60, "minute"] : [3600, "hour"];
  return `${Number((perSecond * factor).toPrecision(6))} per ${unit}`;
}
