// The layers themselves are no public part of the runtime, so this one program is built from its source.
import type { Call } from "../../runtime/src/core/call.ts";
import { Cancellation } from "../../runtime/src/core/cancellation.ts";
import { startCall } from "../../runtime/src/core/context.ts";
import { compose, type Handler, type Layer } from "../../runtime/src/core/layer.ts";
import { Metadata } from "../../runtime/src/core/metadata.ts";
import type { Policy, Site } from "../../runtime/src/core/policy.ts";
import { siteFactory } from "../../runtime/src/core/site.ts";
import type { MethodSpec, ServiceSpec } from "../../runtime/src/core/spec.ts";
import { jwt } from "../../runtime/src/policies/auth.ts";
import { clientLayers, clientOrder, serverLayers, serverOrder } from "../../runtime/src/stack.ts";
import { Order, Tiny } from "../gen/mesh/bench/v1/bench.ts";
import { AllBench } from "../gen/mesh/bench/v1/bench_mesh.ts";
import { order, tiny } from "../samples.ts";
import { issuer, secret, token } from "../token.ts";
import { peers } from "./peers.ts";

/** A handler and the call it gets over and over, made anew for each slice so that its deadline is ahead. */
export interface Row {
  readonly name: string;
  readonly handler: Handler;
  readonly callNow: () => Call;
  /** True when the handler must refuse the call. */
  readonly refuses: boolean;
}

/** The first row: the others are measured as what they cost beyond it. */
const bareName = "the bare handler";

/** Every layer of the bench's service with all policies alone, all of a side together, the refusals, and other libraries. */
export async function rows(): Promise<Row[]> {
  const request = Tiny.create(tiny);
  const spec = AllBench as ServiceSpec;
  const all = spec.methods.echo as MethodSpec;
  const keyed = spec.methods.putOrder as MethodSpec;
  const authorization = `Bearer ${await token()}`;
  const provider = jwt({ issuer, audiences: ["bench"], secret });
  const siteOf = siteFactory({ authProviders: new Map([["jwt", provider]]), credentials: await token() });
  const siteWith = (policy: object, method = all) =>
    siteOf({ ...method, policy: { ...method.policy, ...policy } }, spec);
  const site = siteWith({});
  const bare: Handler = () => Promise.resolve(request);

  const anOrder = Order.create(order);
  const keyedBare: Handler = () => Promise.resolve(anOrder);

  const sent = () => startCall(all, request, { cache: false });
  const arrived = (): Call => ({
    ...sent(),
    metadata: new Metadata().set("authorization", authorization),
    deadline: performance.now() + 15_000,
    cancellation: new Cancellation(),
    principal: { subject: "bench-client", provider: "jwt", scopes: [], audiences: [], claims: {} },
  });
  const row = (name: string, layers: readonly Layer[], callNow: () => Call, refuses = false, inner = bare): Row => ({
    name,
    handler: compose(layers, inner),
    callNow,
    refuses,
  });
  /** One layer with another config than the service has, or of another method. */
  const one = (side: Side, at: string, policy: object, method = all): Layer[] =>
    alone(side, siteWith(policy, method)).flatMap(({ place, layer }) => (place === at ? [layer] : []));
  const hedged = {
    hedge: {
      attempts: 2,
      delayMs: 10_000,
      keepGoingOn: ["UNAVAILABLE"],
      budget: { ratio: 1, floorPerSecond: 10, windowMs: 1000 },
    },
  };
  const limit = (all.policy.rateLimit as readonly object[])[0];
  const breaker = all.policy.circuitBreaker as object;
  const tight = [{ ...limit, burst: 1, perSecond: 1e-9 }];
  const server = { cache: { ...(all.policy.cache as object), side: "SERVER" } };
  const full = one(
    "server",
    "concurrency",
    { concurrency: { max: 1, queue: 0, adaptive: "FIXED", criticality: "CRITICAL" } },
    {
      ...all,
      path: "/bench.v1.AllBench/Full",
    },
  );
  // Takes the only place, and keeps it.
  void compose(full, () => new Promise(() => {}))(arrived());
  const withKey = () => {
    const call = arrived();
    return { ...call, request: anOrder, metadata: call.metadata.clone().set("idempotency-key", "1") };
  };

  return [
    row(bareName, [], sent),
    ...alone("client", site).map(({ place, layer }) => row(`client: ${place}`, [layer], sent)),
    row("client: cache, a hit", one("client", "cache", {}), () => ({ ...sent(), cache: true })),
    row("client: hedge, fixed delay", one("client", "hedge", hedged), sent),
    row(
      "client: circuitBreaker, adaptive",
      one("client", "circuitBreaker", { circuitBreaker: { ...breaker, adaptive: true } }),
      sent,
    ),
    row("client: idempotency", one("client", "idempotency", {}, keyed), sent),
    row("client: all of them", clientLayers(site), sent),
    ...alone("server", site).map(({ place, layer }) => row(`server: ${place}`, [layer], arrived)),
    row(
      "server: concurrency, fixed",
      one("server", "concurrency", {
        concurrency: { max: 1000, queue: 100, adaptive: "FIXED", criticality: "CRITICAL" },
      }),
      arrived,
    ),
    row("server: cache, a hit", one("server", "cache", server), arrived),
    row("server: idempotency, a repetition", one("server", "idempotency", {}, keyed), withKey, false, keyedBare),
    row("server: timeout, max before the deadline", one("server", "timeout", {}), () => ({
      ...arrived(),
      deadline: Number.POSITIVE_INFINITY,
    })),
    row("server: all of them", serverLayers(site), arrived),
    row("refused: timeout", one("server", "timeout", {}), () => ({ ...arrived(), deadline: 0 }), true),
    row("refused: auth, no token", one("server", "auth", {}), () => ({ ...arrived(), metadata: new Metadata() }), true),
    row("refused: authRule", one("server", "authRule", {}), () => ({ ...arrived(), principal: undefined }), true),
    row("refused: rateLimit", one("server", "rateLimit", { rateLimit: tight }), arrived, true),
    row("refused: concurrency", full, arrived, true),
    row(
      "refused: circuitBreaker",
      one("client", "circuitBreaker", { circuitBreaker: { ...breaker, force: "OPEN" } }),
      sent,
      true,
    ),
    ...peers.map(({ name, wrap, refuses = false }) => ({ name, handler: wrap(bare), callNow: arrived, refuses })),
  ];
}

type Side = "client" | "server";

/** Each layer that a side installs, by the name of its place. */
function alone(side: Side, site: Site): { readonly place: string; readonly layer: Layer }[] {
  return (side === "client" ? clientOrder : serverOrder).flatMap(({ at, row }) => {
    const config = site.method.policy[row.name];
    const layer = config === undefined ? undefined : (row as AnyRow)[side]?.(config, site);
    return layer ? [{ place: at, layer }] : [];
  });
}

// biome-ignore lint/suspicious/noExplicitAny: a row takes its own config
type AnyRow = Pick<Policy<string, any>, "client" | "server">;
