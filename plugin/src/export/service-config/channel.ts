import type { MethodContract } from "../../contract/contract.ts";
import { isSet, type Losses } from "../shared/losses.ts";
import type { Dialect } from "./dialect.ts";

/** The part of a service config that holds for a whole channel. */
export interface ChannelConfig {
  /** The first that a client knows counts. */
  readonly loadBalancingConfig?: readonly { readonly [name: string]: object }[];
  readonly retryThrottling?: { readonly maxTokens: number; readonly tokenRatio: number };
}

/** Source: grpc/service_config/service_config.proto, RetryThrottlingPolicy. */
const mostTokens = 1000;
/** A retry needs more than half of the tokens after a failure took one, so with fewer there would be none. Source: gRFC A6. */
const fewestTokens = 3;

/** What the methods of one channel have in common. */
export const channelConfig = (methods: readonly MethodContract[], dialect: Dialect, losses: Losses): ChannelConfig => ({
  ...balanceOf(methods, dialect, losses),
  ...throttlingOf(methods, losses),
});

function balanceOf(methods: readonly MethodContract[], dialect: Dialect, losses: Losses): ChannelConfig {
  const [first, ...others] = methods.filter(({ policy }) => policy.balance);
  const chosen = first?.policy.balance;
  if (!first || !chosen) return {};
  for (const method of others) {
    const { picker, hashBy } = method.policy.balance ?? {};
    if (picker !== chosen.picker || hashBy !== chosen.hashBy)
      losses.add(method, "balance", `a channel has one balancer: it is that of ${first.name}, ${chosen.picker}`);
  }
  const name = dialect.balancers[chosen.picker];
  const header = /^metadata:(.+)$/.exec(chosen.hashBy ?? "")?.[1]?.toLowerCase();
  if (name === undefined || (chosen.picker === "RING_HASH" && header === undefined)) {
    const text =
      name === undefined
        ? `@grpc/grpc-js has no balancer for ${chosen.picker}: addresses get calls in turn`
        : `a service config hashes metadata, not ${chosen.hashBy}: addresses get calls in turn`;
    losses.add(first, "balance.picker", text);
    return { loadBalancingConfig: [{ round_robin: {} }] };
  }
  const config =
    chosen.picker === "LEAST_REQUEST"
      ? { choiceCount: 2 }
      : chosen.picker === "RING_HASH"
        ? { requestHashHeader: header as string }
        : {};
  // A client without the balancer takes the next one; without any it fails.
  const next = ["pick_first", "round_robin"].includes(name) ? [] : [{ round_robin: {} }];
  return { loadBalancingConfig: [{ [name]: config }, ...next] };
}

function throttlingOf(methods: readonly MethodContract[], losses: Losses): ChannelConfig {
  const retrying = methods.flatMap((method) => {
    const budget = method.policy.retry?.budget ?? method.policy.hedge?.budget;
    return budget ? [{ method, budget }] : [];
  });
  const [strictest] = [...retrying].sort((a, b) => a.budget.ratio - b.budget.ratio);
  if (!strictest) return {};
  const { ratio, floorPerSecond, windowMs } = strictest.budget;
  for (const { method, budget } of retrying) {
    if (budget.ratio !== ratio)
      losses.add(method, "retry.budget", `a channel has one throttle: its ratio is ${ratio}, the smallest`);
    else if (isSet(method, "retry.budget"))
      losses.add(method, "retry.budget", "becomes retryThrottling, which counts failures, not calls");
  }
  const tokens = Math.round((floorPerSecond * windowMs) / 1000);
  return {
    retryThrottling: {
      maxTokens: Math.min(mostTokens, Math.max(fewestTokens, tokens)),
      tokenRatio: Math.max(ratio, 0.001),
    },
  };
}
