import type { Call } from "./core/call.ts";
import { decided } from "./core/decision.ts";
import { RpcError } from "./core/error.ts";
import { fnv1a, spread } from "./core/hash.ts";
import type { Handler } from "./core/layer.ts";
import type { MethodFacts, Site } from "./core/policy.ts";
import { isStream } from "./core/stream.ts";
import { keyOf } from "./messages/key.ts";

/** Which targets get the calls of a method, in place of the client's own. Set by a run-time configuration alone. */
export interface SplitConfig {
  /** Names of targets, and each one's part of the sum of all weights. */
  readonly targets: readonly { readonly target: string; readonly weight: number }[];
  /** `metadata:<name>` or `field:<path>`: calls with the same value go to the same target. Default: each call for itself. */
  readonly sticky?: string;
  /** Request metadata in which a caller may name a target. */
  readonly header?: string;
}

/** Where copies of calls go. Set by a run-time configuration alone. */
export interface MirrorConfig {
  /** Name of a target. */
  readonly target: string;
  /** Of the calls: 0 to 100. */
  readonly percent: number;
  /** Copies that run at once, at most. */
  readonly maxActive: number;
  /** Whether methods are copied that are not NO_SIDE_EFFECTS. */
  readonly allowSideEffects: boolean;
}

/** The kinds of a method's policy that say where its calls go. */
export interface Traffic {
  readonly split?: SplitConfig | undefined;
  readonly mirror?: MirrorConfig | undefined;
}

/** Why traffic cannot be directed like this for a method; `key` is the path of the option at fault. */
export function trafficProblem(
  { split, mirror }: Traffic,
  method: MethodFacts,
): { readonly key: string; readonly text: string } | undefined {
  const streamsIn = method.kind === "clientStream" || method.kind === "bidi";
  if (mirror && mirror.percent > 0) {
    if (streamsIn)
      return { key: "mirror", text: "its requests stream, and a stream cannot be copied: match other methods" };
    if (method.idempotency !== "NO_SIDE_EFFECTS" && !mirror.allowSideEffects)
      return {
        key: "mirror",
        text: "a copy would repeat its side effects: match methods with NO_SIDE_EFFECTS, or set allowSideEffects",
      };
  }
  if (!split?.sticky?.startsWith("field:")) return undefined;
  const path = split.sticky.slice("field:".length);
  const key = "split.sticky";
  if (streamsIn) return { key, text: "its requests stream, so no field decides: use metadata:<name>" };
  const field = method.field(path);
  if (!field) return { key, text: `its request has no field ${path}` };
  if (field.repeated || field.map || field.scalar === "message")
    return { key, text: `field ${path} has no single value: name a field that is text or a number` };
  return undefined;
}

/**
 * Sends each call to one of several targets. The choice is made once per call, so all its attempts go there.
 *
 * The target that the caller names wins, then what `sticky` says, then chance. Source: weighted rendezvous hashing, by which
 * a change of weights moves no call between targets whose weights stayed as they are.
 */
export function splitTraffic(
  { targets, sticky, header }: SplitConfig,
  { method, random }: Site,
  handlerOf: (target: string) => Handler,
): Handler {
  const shares = targets.map(({ target, weight }) => ({
    target,
    weight,
    handler: handlerOf(target),
    seed: fnv1a(target),
  }));
  const total = targets.reduce((sum, { weight }) => sum + weight, 0);
  const stickTo = sticky === undefined ? undefined : keyOf([sticky], method);

  const byChance = () => {
    let left = random() * total;
    for (const share of shares) {
      left -= share.weight;
      if (left < 0) return share;
    }
    return shares[0];
  };
  const byValue = (value: string) => {
    const hashed = fnv1a(value);
    let best = shares[0];
    let highest = Number.NEGATIVE_INFINITY;
    for (const share of shares) {
      const score = share.weight / -Math.log(unit(hashed ^ share.seed));
      if (score > highest) [best, highest] = [share, score];
    }
    return best;
  };
  return (call) => {
    const named = header === undefined ? undefined : call.metadata.get(header);
    let by = "header";
    let share = named === undefined ? undefined : shares.find(({ target }) => target === named);
    if (!share) {
      const value = stickTo?.(call) ?? "";
      by = value === "" ? "weight" : "sticky";
      share = value === "" ? byChance() : byValue(value);
    }
    const { target, handler } = share as (typeof shares)[number];
    decided("split", "chosen", method.path, { target, by });
    return handler(call);
  };
}

/** A copy of a call that has no deadline is cut after this time, so that a silent target cannot hold its places for ever. */
const longestCopyMs = 10_000;

/**
 * Sends a copy of a call's first attempt to another target, after the call itself, and reads what it answers to its end
 * without looking at it. The copy has the call's deadline, but not its cancellation: the call is mostly over before.
 */
export function mirrorTraffic(
  { target, percent, maxActive }: MirrorConfig,
  { method, clock, random, shared }: Site,
  handler: Handler,
  copy: Handler,
): Handler {
  // Shared with the handler that follows this one after a change of the policy.
  const active = shared(`mirror:${method.path}:${target}`, () => ({ count: 0 }));
  const failed = (error: unknown) =>
    decided("mirror", "failed", method.path, { target, code: error instanceof RpcError ? error.code : "UNKNOWN" });
  const ended = () => {
    active.count -= 1;
  };
  const send = (call: Call) => {
    if (active.count >= maxActive) return decided("mirror", "dropped", method.path, { target });
    active.count += 1;
    decided("mirror", "sent", method.path, { target });
    const metadata = call.metadata.clone();
    metadata.set("x-mesh-mirror", "1");
    const deadline = call.deadline === Number.POSITIVE_INFINITY ? clock.now() + longestCopyMs : call.deadline;
    const own = { cancellation: undefined, onHeaders: undefined, onTrailers: undefined };
    // In a function of promises, so that a handler that throws fails its copy alone.
    run({ ...call, ...own, metadata, deadline })
      .catch(failed)
      .finally(ended);
  };
  const run = async (call: Call) => readToEnd(await copy(call));
  return (call) => {
    const reply = handler(call);
    if (call.attempt === 1 && random() * 100 < percent) send(call);
    return reply;
  };
}

async function readToEnd(reply: unknown): Promise<void> {
  if (!isStream(reply)) return;
  for await (const _ of reply);
}

/** Spreads 32 bits over (0, 1). */
const unit = (bits: number): number => (spread(bits) + 0.5) / 2 ** 32;
