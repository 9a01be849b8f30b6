import { createHash } from "node:crypto";
import type { Call } from "../../core/call.ts";
import { decided } from "../../core/decision.ts";
import type { RpcError } from "../../core/error.ts";
import type { Site } from "../../core/policy.ts";
import { refusal } from "../../core/refusal.ts";
import type { StoreOptions } from "../../core/store.ts";
import { Gcra, take } from "./bucket.ts";
import { type Limit, refuse } from "./limit.ts";

/**
 * GCRA for several buckets at once, on the store's own clock: a call takes from all of them or from none, shadows aside. A
 * bucket holds no more than `burst`, whatever a clock that went back or a larger burst has left there.
 * ARGV holds per key: microseconds per unit of cost, burst in microseconds, cost, 1 for a shadow. Returns the wait of each in
 * microseconds, 0 when it has room.
 */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local waits, after, refused = {}, {}, false
for n, key in ipairs(KEYS) do
  local at = n * 4 - 3
  local full = math.min(tonumber(redis.call('GET', key) or 0), now + ARGV[at + 1])
  after[n] = math.max(full, now) + ARGV[at] * ARGV[at + 2]
  waits[n] = math.max(0, math.ceil(after[n] - ARGV[at + 1] - now))
  if waits[n] > 0 and ARGV[at + 3] == '0' then refused = true end
end
if not refused then
  for n, key in ipairs(KEYS) do
    if waits[n] == 0 then
      redis.call('SET', key, string.format('%.0f', after[n]), 'PX', math.ceil((after[n] - now) / 1000) + 1)
    end
  end
end
return waits`;

/** After a failure the store gets this long before it is asked again: calls must not wait for it one after the other. */
const restMs = 1_000;

/** The limits of a method that all replicas share. */
export class SharedLimits {
  readonly #limits: readonly Limit[];
  readonly #site: Site;
  readonly #store: StoreOptions;
  readonly #names: readonly string[];
  readonly #fixed: readonly (readonly [unit: string, burst: string, shadow: string])[];
  /** This replica's share, for while the store is away. */
  readonly #shares: readonly Gcra[];
  readonly #rest: { until: number };

  /** Throws when the server has no store. */
  constructor(limits: readonly Limit[], site: Site) {
    const { path } = site.method;
    if (!site.store) {
      throw new Error(
        `${path}: rate limit "${limits[0]?.name}" is shared between replicas, which needs a store: give serve one, or remove shared`,
      );
    }
    this.#limits = limits;
    this.#site = site;
    this.#store = site.store;
    const { prefix = "mesh:", replicas = 1 } = site.store;
    const service = path.slice(1, path.lastIndexOf("/"));
    // Keys of one script must live on one node of a cluster; and methods with one limit share it with those that have several.
    const tagged = `{${service}}`;
    this.#names = limits.map(({ name, own }) => `${prefix}rate:${own ? `${tagged}${path}` : tagged}:${name}:`);
    this.#fixed = limits.map(({ perSecond, burst, shadow }) => [
      String(1e6 / perSecond),
      String((1e6 / perSecond) * burst),
      shadow ? "1" : "0",
    ]);
    this.#shares = limits.map(({ perSecond, burst }) => new Gcra(perSecond / replicas, Math.max(1, burst / replicas)));
    this.#rest = site.shared("rate-limit:store", () => ({ until: Number.NEGATIVE_INFINITY }));
  }

  /** Takes what the call costs. Undefined: admitted. */
  async take(call: Call): Promise<RpcError | undefined> {
    const costs = this.#limits.map(({ cost }) => (typeof cost === "number" ? cost : cost(call)));
    const keys = this.#limits.map(({ key }) => (key ? key(call) : ""));
    const impossible = this.#limits.map(({ burst }, n) => (costs[n] as number) > burst);
    if (impossible.some((is, n) => is && !this.#limits[n]?.shadow)) {
      return this.#refusal(
        impossible.map((is) => (is ? Number.POSITIVE_INFINITY : 0)),
        costs,
      );
    }
    if (this.#site.clock.now() < this.#rest.until) return this.#away(keys, costs);
    let waits: readonly number[];
    try {
      waits = await this.#ask(keys, costs);
    } catch {
      this.#rest.until = this.#site.clock.now() + restMs;
      for (const { name } of this.#limits) decided("rateLimit", "storeAway", this.#site.method.path, { limit: name });
      return this.#away(keys, costs);
    }
    return call.cancellation?.reason ?? this.#refusal(waits, costs);
  }

  async #ask(keys: readonly string[], costs: readonly number[]): Promise<readonly number[]> {
    const { clock } = this.#site;
    // What callers send does not leave the process in clear.
    const names = keys.map((key, n) => this.#names[n] + createHash("sha256").update(key).digest("base64url"));
    const args = this.#fixed.flatMap(([unit, burst, shadow], n) => [unit, burst, String(costs[n]), shadow]);
    let stop = () => {};
    const late = new Promise<never>((_, reject) => {
      stop = clock.schedule(this.#store.timeoutMs ?? 50, () => reject(new Error("the store did not answer in time")));
    });
    try {
      const answer = await Promise.race([this.#store.eval(script, names, args), late]);
      if (!Array.isArray(answer) || answer.length !== names.length || !answer.every(isCount))
        throw new Error("the store answered something else");
      return answer.map((microseconds) => Number(microseconds) / 1000);
    } finally {
      stop();
    }
  }

  /** Without the store: this replica's share of each limit, or a refusal where the policy wants that. */
  #away(keys: readonly string[], costs: readonly number[]): RpcError | undefined {
    const closed = this.#limits.find(({ failClosed, shadow }) => failClosed && !shadow);
    if (closed) {
      const text = `${this.#site.method.path}: the store of limit "${closed.name}" is away, and without it no call is admitted`;
      return refusal("UNAVAILABLE", text, { refusedBy: "rateLimit" });
    }
    const now = this.#site.clock.now();
    const buckets = this.#limits.map(({ buckets }, n) => buckets.of(keys[n] as string));
    const after = this.#shares.map((share, n) => share.after(buckets[n] as never, costs[n] as number, now));
    const waits = this.#shares.map((share, n) => share.wait(after[n] as number, now));
    const refused = this.#refusal(waits, costs);
    if (!refused)
      for (const [n, bucket] of buckets.entries()) if (waits[n] === 0) take(bucket, after[n] as number, now);
    return refused;
  }

  #refusal(waits: readonly number[], costs: readonly number[]): RpcError | undefined {
    let refused = false;
    for (const [n, { name, shadow }] of this.#limits.entries()) {
      const waitMs = waits[n] as number;
      if (waitMs === 0) continue;
      if (!shadow) refused = true;
      const detail = { limit: name, cost: costs[n] as number, waitMs };
      decided("rateLimit", shadow ? "shadow" : "refused", this.#site.method.path, detail);
    }
    return refused ? refuse(this.#limits, waits, costs) : undefined;
  }
}

/** A whole number of at least 0, in whichever form the store's client hands it over. */
const isCount = (value: unknown): boolean =>
  (typeof value === "number" || typeof value === "bigint" || typeof value === "string") && /^\d+$/.test(String(value));
