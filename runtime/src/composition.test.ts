/** All layers of both sides together, under peers, callers and configurations that do anything at any time. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { anyPolicies, type Choice } from "../test/any-policies.ts";
import { createClient } from "./client.ts";
import { Cancellation } from "./core/cancellation.ts";
import type { CallContext } from "./core/context.ts";
import { RpcError } from "./core/error.ts";
import type { PolicySource } from "./core/policy-source.ts";
import type { Codec, MethodKind, MethodSpec, ServiceSpec } from "./core/spec.ts";
import type { Target } from "./core/target.ts";
import { inProcess } from "./in-process.ts";
import { FakeClock, settled } from "./testing.ts";

const json: Codec = {
  typeName: "test.v1.Message",
  encode: (message) => Buffer.from(JSON.stringify(message)),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
};

const method = (name: string, kind: MethodKind): MethodSpec => ({
  name,
  path: `/test.v1.Test/${name}`,
  kind,
  idempotency: "NO_SIDE_EFFECTS",
  request: json,
  reply: json,
  policy: { auth: { access: "PUBLIC", providers: [], scopes: [], audiences: [] } },
  routes: [],
});

const spec: ServiceSpec<Record<string, (request: unknown, options?: object) => unknown>> = {
  name: "test.v1.Test",
  descriptors: "",
  methods: {
    call: method("call", "unary"),
    watch: method("watch", "serverStream"),
    up: method("up", "clientStream"),
    both: method("both", "bidi"),
  },
};

/** Policies that can be replaced while calls are under way. */
class Reloadable implements PolicySource {
  version = 1;
  readonly failures: unknown[] = [];
  readonly targets = new Map<string, Target>();
  #policy: Choice;
  #inForce = new Map<MethodSpec, MethodSpec>();

  constructor(policy: Choice) {
    this.#policy = policy;
  }

  reload(policy: Choice): void {
    this.#policy = policy;
    this.#inForce = new Map();
    this.version++;
  }

  bind(): void {}

  methodOf(method: MethodSpec): MethodSpec {
    const known = this.#inForce.get(method);
    if (known) return known;
    const { kind } = method;
    const { mirror, cache, fallback, concurrency, ...rest } = this.#policy;
    const unary = kind === "unary";
    const streamsIn = kind === "clientStream" || kind === "bidi";
    const policy = {
      ...method.policy,
      ...rest,
      mirror: streamsIn ? undefined : mirror,
      cache: unary ? cache : undefined,
      fallback: unary ? fallback : undefined,
      concurrency: unary || !concurrency ? concurrency : { ...concurrency, adaptive: "FIXED" },
    };
    const now = { ...method, policy };
    this.#inForce.set(method, now);
    return now;
  }

  failed(_: MethodSpec, error: unknown): void {
    this.failures.push(error);
  }

  target(name: string): Target {
    return this.targets.get(name) as Target;
  }
}

const behaviours = ["answer", "slow", "never", "fail", "failLate", "refuse", "break"] as const;
/** What the calls meet at the implementation, one after the other. */
type Script = readonly (typeof behaviours)[number][];

/** An implementation that follows a script, and knows which of its calls still run. */
class Scripted {
  readonly working = new Set<CallContext>();
  /** The ids of the calls that it has seen, copies aside. */
  readonly seen = new Set<string | undefined>();
  readonly #script: Script;
  readonly #clock: FakeClock;
  #served = 0;

  constructor(script: Script, clock: FakeClock) {
    this.#script = script;
    this.#clock = clock;
  }

  call = (_: unknown, context: CallContext) => this.#single([1], context);
  watch = (_: unknown, context: CallContext) => this.#begun(context);
  up = (requests: AsyncIterable<unknown>, context: CallContext) => this.#single(requests, context);
  both = (_: unknown, context: CallContext) => this.#replies(context);

  async #single(requests: AsyncIterable<unknown> | Iterable<unknown>, context: CallContext): Promise<object> {
    this.working.add(context);
    if (!context.requestMetadata.has("x-mesh-mirror")) this.seen.add(context.requestMetadata.get("x-request-id"));
    try {
      for await (const _ of requests) await this.#act(context);
      return { n: 1 };
    } finally {
      this.working.delete(context);
    }
  }

  /** A stream that may also fail before it begins. */
  async #begun(context: CallContext): Promise<AsyncIterable<object>> {
    await this.#single([1], context);
    return this.#replies(context);
  }

  async *#replies(context: CallContext): AsyncGenerator<object> {
    this.working.add(context);
    try {
      for (let n = 0; n < 3; n++) {
        await this.#act(context);
        yield { n };
      }
    } finally {
      this.working.delete(context);
    }
  }

  async #act(context: CallContext): Promise<void> {
    const behaviour = this.#script[this.#served++ % this.#script.length];
    if (behaviour === "slow") await this.#pause(70, context);
    if (behaviour === "never") await this.#pause(1e9, context);
    if (behaviour === "failLate") await this.#pause(20, context);
    if (behaviour === "fail" || behaviour === "failLate") throw new RpcError("UNAVAILABLE", "down");
    if (behaviour === "refuse") throw new RpcError("INVALID_ARGUMENT", "no");
    if (behaviour === "break") throw new Error("a mistake");
  }

  #pause(ms: number, { cancellation }: CallContext): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = this.#clock.schedule(ms, () => {
        leave();
        resolve();
      });
      const leave = cancellation.onCancel((reason) => {
        stop();
        reject(reason);
      });
    });
  }
}

const maybe = <T>(...values: T[]) => fc.constantFrom<T | undefined>(undefined, ...values);

/** What happens next. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant("call" as const),
      name: fc.constantFrom("call", "call", "watch", "up", "both"),
      timeoutMs: maybe(20, 100, 400),
      heard: fc.boolean(),
      retry: fc.boolean(),
      reads: fc.integer({ min: 0, max: 4 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ what: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 300 }) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("cancel" as const), which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("leave" as const), which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("reload" as const), policy: anyPolicies }) },
);

/** A call, and what its caller saw of it. */
interface Made {
  readonly name: string;
  readonly id: string;
  readonly by: number;
  readonly cancellation: Cancellation;
  readonly reader: AsyncIterator<unknown> | undefined;
  trailers: number;
  ended: "no" | "well" | unknown;
}

async function* requests(): AsyncGenerator<object> {
  for (let n = 0; n < 3; n++) yield { n };
}

test("whatever happens, every call ends in time, and nothing is left of it on either side", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyPolicies,
      fc.array(fc.constantFrom(...behaviours, "fail", "fail", "failLate"), { minLength: 1, maxLength: 12 }),
      fc.array(step, { minLength: 4, maxLength: 40, size: "max" }),
      fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 7 }),
      async (policy, script, steps, draws) => {
        const clock = new FakeClock();
        let drawn = 0;
        const random = () => draws[drawn++ % draws.length] as number;
        const policies = new Reloadable(policy);
        const object = new Scripted(script, clock);
        const target = (name: string): Target => ({
          ...inProcess({ spec, object }, { clock, random, policies, onError: () => {} }),
          name,
        });
        for (const name of ["a", "b"]) policies.targets.set(name, target(name));
        const client = createClient(spec, target("c"), { clock, random, policies });

        const calls: Made[] = [];
        const check = () => {
          for (const { name, id, by, cancellation, trailers, ended } of calls) {
            if (by <= clock.now() || cancellation.reason) expect(ended).not.toBe("no");
            if (ended !== "no") expect(cancellation.listening).toBe(0);
            if (ended !== "no" && ended !== "well") expect(ended).toBeInstanceOf(RpcError);
            expect(trailers).toBeLessThanOrEqual(1);
            // Refused: the peer has seen nothing of the call.
            if (name === "call" && ended instanceof RpcError && ended.refusedBy) expect(object.seen).not.toContain(id);
          }
        };
        for (const step of steps) {
          if (step.what === "call") {
            const { name, timeoutMs = Number.POSITIVE_INFINITY, heard, retry, reads } = step;
            const cancellation = new Cancellation();
            const id = String(calls.length);
            const options = {
              timeoutMs,
              cancellation,
              retry,
              metadata: { "x-request-id": id, ...(heard && { "x-to": "a", "x-mesh-criticality": "SHEDDABLE_PLUS" }) },
              onHeaders: heard ? () => {} : undefined,
              onTrailers: heard ? () => void made.trailers++ : undefined,
            };
            const reply = client[name]?.(name === "up" || name === "both" ? requests() : { n: 1 }, options);
            const reader = reply instanceof Promise ? undefined : (reply as AsyncIterator<unknown>);
            const made: Made = {
              name,
              id,
              by: clock.now() + timeoutMs,
              cancellation,
              reader,
              trailers: 0,
              ended: "no",
            };
            calls.push(made);
            const read = async () => {
              for (let n = 0; n < reads; n++) if ((await reader?.next())?.done) return;
              await reader?.return?.();
            };
            (reader ? read() : (reply as Promise<unknown>)).then(
              () => {
                made.ended = "well";
              },
              (error) => {
                made.ended = error;
              },
            );
          } else if (step.what === "wait") await clock.advance(step.ms);
          else if (step.what === "reload") policies.reload(step.policy);
          else if (step.what === "leave") await calls.at(-1 - step.which)?.reader?.return?.();
          else calls.at(-1 - step.which)?.cancellation.cancel(new RpcError("CANCELLED", "enough"));
          await settled();
          check();
        }
        for (const { cancellation } of calls) cancellation.cancel(new RpcError("CANCELLED", "the end"));
        await settled();
        check();
        // What runs for nobody in particular, copies and refreshed replies, has a time of its own.
        const reloaded = steps.flatMap((step) => (step.what === "reload" ? [step.policy] : []));
        if ([policy, ...reloaded].some(({ mirror, cache }) => mirror || cache)) await clock.advance(40_000);
        expect(policies.failures).toEqual([]);
        expect({ working: object.working.size, timers: clock.pending }).toEqual({ working: 0, timers: 0 });
      },
    ),
    { numRuns: 200 },
  );
}, 30_000);
