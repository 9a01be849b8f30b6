import { longestCall } from "@protomesh/runtime/policies";
import type { MethodContract } from "../../contract/contract.ts";
import { inSeconds } from "../shared/durations.ts";
import { type KubernetesObject, Names, objectName, onOneLine } from "../shared/kubernetes.ts";
import { isSet, type Losses } from "../shared/losses.ts";
import { envoyWaits, retryConditions } from "../shared/retry.ts";
import { groupBy, type Workload } from "../shared/workloads.ts";

/** What Istio does with calls of a method, as `http[]` of a VirtualService has it. */
export interface Behaviour {
  readonly timeout?: string;
  readonly retries: {
    readonly attempts: number;
    readonly perTryTimeout?: string;
    readonly backoff?: string;
    readonly retryOn?: string;
  };
}

/** Istio retries twice where nothing is said. */
const once: Behaviour = { retries: { attempts: 0 } };

/**
 * Timeouts and retries of a workload's methods: one entry for all that are treated alike. The last entry has every other path of
 * the port, such as health. Other ports of the host are left alone.
 */
export function virtualService(
  { methods, upstream }: Workload,
  metadata: KubernetesObject["metadata"],
  host: string,
  behaviours: ReadonlyMap<MethodContract, Behaviour>,
): KubernetesObject {
  const { port } = upstream;
  const route = [{ destination: { host, port: { number: port } } }];
  const entries = groupBy(methods, (method) => behaviours.get(method)).filter(
    ([first]) => JSON.stringify(behaviours.get(first as MethodContract)) !== JSON.stringify(once),
  );
  const names = new Names();
  const http = entries.map((members) => ({
    name: names.next(objectName((members[0] as MethodContract).name)),
    match: members.map(({ path }) => onOneLine({ port, uri: { exact: path } })),
    ...behaviours.get(members[0] as MethodContract),
    route,
  }));
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata,
    spec: {
      hosts: [host],
      http: [...http, { name: names.next("others"), match: [onOneLine({ port })], ...once, route }],
    },
  };
}

/** What of a method's timeout and retry Istio does. */
export function behaviourOf(method: MethodContract, losses: Losses): Behaviour {
  const { timeout = {}, retry } = method.policy;
  const retries = retry ? retriesOf(method, retry, losses) : once.retries;
  // An attempt that is the only one is the call.
  const alone = retries.attempts === 0 ? (timeout.attemptMs ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
  const longest = Math.min(longestCall(timeout), alone);
  if (timeout.idleMs !== undefined)
    losses.add(
      method,
      "timeout.idle",
      "is not exported: Istio ends idle connections, not idle streams; client and server end them",
    );
  if (timeout.reserveMs !== undefined)
    losses.add(
      method,
      "timeout.reserve",
      "is not exported: Istio passes on the caller's deadline as it came; the server holds it back",
    );
  if (longest === Number.POSITIVE_INFINITY) return { retries };
  if (method.kind === "clientStream" || method.kind === "bidi")
    losses.add(
      method,
      timeout.totalMs === undefined ? "timeout.max" : "timeout.total",
      "counts from the end of the requests: Istio does not cut off a client that goes on sending",
    );
  return { timeout: inSeconds(longest), retries };
}

function retriesOf(
  method: MethodContract,
  retry: NonNullable<MethodContract["policy"]["retry"]>,
  losses: Losses,
): Behaviour["retries"] {
  const { on, lost } = retryConditions(retry);
  if (lost.length > 0)
    losses.add(
      method,
      "retry.on",
      `loses ${lost.join(", ")}: Istio retries CANCELLED, DEADLINE_EXCEEDED, INTERNAL, RESOURCE_EXHAUSTED and UNAVAILABLE alone${on.length === 0 ? ", so it retries nothing" : ""}`,
    );
  if (on.length === 0) return once.retries;
  if (isSet(method, "retry.multiplier") && retry.multiplier !== envoyWaits.multiplier)
    losses.add(method, "retry.multiplier", `becomes ${envoyWaits.multiplier}: waits of Istio double`);
  if (isSet(method, "retry.jitter") && retry.jitter !== envoyWaits.jitter)
    losses.add(
      method,
      "retry.jitter",
      `becomes ${envoyWaits.jitter}: Istio waits anything between nothing and the whole wait`,
    );
  if (retry.maxMs !== retry.initialMs * 10)
    losses.add(
      method,
      "retry.max",
      `becomes ${inSeconds(retry.initialMs * 10)}: the longest wait of Istio is 10 times the first`,
    );
  const { attemptMs } = method.policy.timeout ?? {};
  return {
    attempts: retry.attempts - 1,
    ...(attemptMs !== undefined && { perTryTimeout: inSeconds(attemptMs) }),
    backoff: inSeconds(retry.initialMs),
    retryOn: on.join(","),
  };
}
