import type { RateLimitConfig } from "@protomesh/runtime/policies";
import type { MethodContract } from "../../contract/contract.ts";
import type { Deployment } from "../deployment.ts";
import { accessOf } from "../shared/access.ts";
import { inSeconds } from "../shared/durations.ts";
import type { Losses } from "../shared/losses.ts";
import { extension, filterNames, type Part } from "./part.ts";

/** The largest that a bucket can be. */
const unlimited = 2 ** 32 - 1;
/** Envoy refuses shorter intervals. */
const shortestFillMs = 50;
/** As many buckets as a limit of ours remembers. */
const mostBuckets = 10_000;

/** What tells a limit's buckets apart: how a request says it, and the name under which a bucket has it. */
interface Distinction {
  readonly key: string;
  readonly action: Part;
  /** Whether a request may lack it. */
  readonly optional: boolean;
}

/** A limit, with the sets of keys by which requests of its methods may be told apart. */
interface Buckets {
  readonly token_bucket: Part;
  readonly sets: Map<string, readonly string[]>;
}

/** All keys that a request may have of these: without a value it lacks the key. */
function setsOf(distinctions: readonly Distinction[]): (readonly string[])[] {
  let sets: (readonly string[])[] = [[]];
  for (const { key, optional } of distinctions)
    sets = sets.flatMap((set) => [[...set, key], ...(optional ? [set] : [])]);
  return sets;
}

/** The buckets of all limits, shared by the methods that name them. Source: envoy.extensions.filters.http.local_ratelimit.v3. */
export class RateLimits {
  readonly #enforced = new Map<string, Buckets>();
  readonly #shadow = new Map<string, Buckets>();
  readonly #deployment: Deployment;
  readonly #losses: Losses;

  constructor(deployment: Deployment, losses: Losses) {
    this.#deployment = deployment;
    this.#losses = losses;
  }

  /** What a method's route says: undefined for no limit. */
  of(method: MethodContract): Part | undefined {
    const limits = method.policy.rateLimit ?? [];
    if (limits.length === 0) return undefined;
    return { rate_limits: limits.map((limit) => this.#rateLimit(method, limit)) };
  }

  /** The filters, none where no method has a limit. */
  filters(): Part[] {
    return [
      ...(this.#enforced.size > 0 ? [filterOf(filterNames.rateLimit, this.#enforced, 0)] : []),
      ...(this.#shadow.size > 0 ? [filterOf(filterNames.shadow, this.#shadow, 1)] : []),
    ];
  }

  #rateLimit(method: MethodContract, limit: RateLimitConfig): Part {
    const option = `rate_limit[${limit.name}]`;
    if (limit.shared)
      this.#losses.add(method, `${option}.shared`, `${limit.name} is not shared: each Envoy counts by itself`);
    const perMethod = limit.scope === "method" || limit.by.includes("method");
    const owner = perMethod ? method.path.slice(1) : method.desc.parent.typeName;
    const name = `${owner}: ${limit.name}`;
    const distinctions = limit.by.flatMap((key) => this.#distinctions(method, limit, key));
    const buckets = limit.shadow ? this.#shadow : this.#enforced;
    const own: Buckets = buckets.get(name) ?? { token_bucket: this.#bucket(method, limit), sets: new Map() };
    buckets.set(name, own);
    // What Envoy has no bucket for is not limited: methods that share a limit may tell callers apart by different tokens.
    for (const set of setsOf(distinctions)) own.sets.set(set.join("\n"), set);
    return {
      ...(limit.shadow && { stage: 1 }),
      actions: [
        { generic_key: { descriptor_key: "limit", descriptor_value: name } },
        ...distinctions.map(({ action }) => action),
      ],
    };
  }

  #bucket(method: MethodContract, limit: RateLimitConfig): Part {
    const cost = Number(limit.cost);
    if (Number.isNaN(cost))
      this.#losses.add(
        method,
        `rate_limit[${limit.name}].cost`,
        `${limit.name}: Envoy reads no ${limit.cost} of a request: each call costs 1`,
      );
    const of = Number.isNaN(cost) ? 1 : cost;
    const perSecond = limit.perSecond / of;
    const tokens = Math.max(1, Math.ceil((perSecond * shortestFillMs) / 1000));
    return {
      max_tokens: Math.max(1, Math.floor(limit.burst / of)),
      tokens_per_fill: tokens,
      fill_interval: inSeconds((tokens * 1000) / perSecond),
    };
  }

  #distinctions(method: MethodContract, limit: RateLimitConfig, by: string): Distinction[] {
    const [kind, ...rest] = by.split(":");
    const name = rest.join(":");
    switch (kind) {
      case "peer":
        return [{ key: "remote_address", action: { remote_address: {} }, optional: false }];
      case "metadata":
        return [
          {
            key: by,
            action: { request_headers: { header_name: name, descriptor_key: by, skip_if_absent: true } },
            optional: true,
          },
        ];
      case "principal":
      case "claim":
        return this.#claims(method, limit, kind === "claim" ? name : undefined);
      case "field":
        this.#losses.add(
          method,
          `rate_limit[${limit.name}].by`,
          `${limit.name}: Envoy reads no fields of a request: ${by} does not tell callers apart`,
        );
        return [];
      default:
        return [];
    }
  }

  /** A claim of whichever token the caller has; undefined for the one that names the caller. */
  #claims(method: MethodContract, limit: RateLimitConfig, claim: string | undefined): Distinction[] {
    const access = accessOf(method.policy.auth, this.#deployment);
    if (access.kind === "nobody") return [];
    if (claim === undefined && access.kind === "known" && access.mtls.length > 0)
      this.#losses.add(
        method,
        `rate_limit[${limit.name}].by`,
        `${limit.name}: Envoy counts by tokens: callers that only ${access.mtls.map(({ name }) => name).join(", ")} knows share one bucket`,
      );
    return access.jwt.map(({ name, subjectClaim }) => {
      const key = `${name}: ${claim ?? subjectClaim}`;
      const path = [{ key: name }, { key: claim ?? subjectClaim }];
      return {
        key,
        action: {
          metadata: {
            descriptor_key: key,
            metadata_key: { key: filterNames.jwt, path },
            source: "DYNAMIC",
            skip_if_absent: true,
          },
        },
        optional: true,
      };
    });
  }
}

function filterOf(name: string, limits: ReadonlyMap<string, Buckets>, stage: number): Part {
  const buckets = [...limits].flatMap(([limit, { token_bucket, sets }]) =>
    [...sets.values()].map((keys) => ({
      // Without a value: any, each with a bucket of its own.
      entries: [{ key: "limit", value: limit }, ...keys.map((key) => ({ key }))],
      token_bucket,
    })),
  );
  const share = (percent: number) => ({ default_value: { numerator: percent, denominator: "HUNDRED" } });
  return {
    name,
    typed_config: extension("filters.http.local_ratelimit.v3.LocalRateLimit", {
      stat_prefix: stage === 0 ? "rate_limit" : "rate_limit_shadow",
      ...(stage > 0 && { stage }),
      // What no limit is for.
      token_bucket: { max_tokens: unlimited, tokens_per_fill: unlimited, fill_interval: "0.05s" },
      always_consume_default_token_bucket: false,
      filter_enabled: share(100),
      filter_enforced: share(stage === 0 ? 100 : 0),
      rate_limited_as_resource_exhausted: true,
      max_dynamic_descriptors: mostBuckets,
      descriptors: buckets,
    }),
  };
}
