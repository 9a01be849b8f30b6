// The layers themselves are no public part of the runtime, so this one program is built from its source.
import type { Call } from "../../runtime/src/core/call.ts";
import { Cancellation } from "../../runtime/src/core/cancellation.ts";
import { startCall } from "../../runtime/src/core/context.ts";
import { compose, type Handler, type Layer } from "../../runtime/src/core/layer.ts";
import { Metadata } from "../../runtime/src/core/metadata.ts";
import type { Site } from "../../runtime/src/core/policy.ts";
import { siteFactory } from "../../runtime/src/core/site.ts";
import type { MethodSpec } from "../../runtime/src/core/spec.ts";
import { jwt } from "../../runtime/src/policies/auth.ts";
import { rateLimit } from "../../runtime/src/policies/rate-limit.ts";
import { clientLayers, clientOrder, serverLayers, serverOrder } from "../../runtime/src/stack.ts";
import { Tiny } from "../gen/mesh/bench/v1/bench.ts";
import { GuardedBench } from "../gen/mesh/bench/v1/bench_mesh.ts";
import { tiny } from "../samples.ts";
import { issuer, secret, token } from "../token.ts";

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

/** Every layer of the bench's full policy alone, all of a side together, and the refusals. */
export async function rows(): Promise<Row[]> {
  const request = Tiny.create(tiny);
  const method = GuardedBench.methods.echo as MethodSpec;
  const authorization = `Bearer ${await token()}`;
  const provider = jwt({ issuer, audiences: ["bench"], secret });
  const siteOf = siteFactory({ authProviders: new Map([["jwt", provider]]), credentials: await token() });
  const site = siteOf(method);
  const bare: Handler = () => Promise.resolve(request);

  const sent = () => startCall(method, request, undefined);
  const arrived = (): Call => ({
    ...sent(),
    metadata: new Metadata().set("authorization", authorization),
    deadline: performance.now() + 15_000,
    cancellation: new Cancellation(),
    principal: { subject: "bench-client", provider: "jwt", scopes: [], audiences: [], claims: {} },
  });
  const row = (name: string, layers: readonly Layer[], callNow: () => Call, refuses = false): Row => ({
    name,
    handler: compose(layers, bare),
    callNow,
    refuses,
  });
  const tight = [{ name: "tight", perSecond: 1e-9, burst: 1, by: ["principal"], cost: "1" }];

  return [
    row(bareName, [], sent),
    ...alone("client", clientOrder, site).map(({ name, layer }) => row(name, [layer], sent)),
    row("client: all of them", clientLayers(site), sent),
    ...alone("server", serverOrder, site).map(({ name, layer }) => row(name, [layer], arrived)),
    row("server: all of them", serverLayers(site), arrived),
    row("server: timeout, max before the deadline", only("timeout", site), () => ({
      ...arrived(),
      deadline: Infinity,
    })),
    row("refused: timeout", only("timeout", site), () => ({ ...arrived(), deadline: 0 }), true),
    row("refused: auth, no token", only("auth", site), () => ({ ...arrived(), metadata: new Metadata() }), true),
    row("refused: rateLimit", [rateLimit.server?.(tight as never, siteOf(method)) as Layer], arrived, true),
  ];
}

/** Each layer that a side installs, by the name of its policy. */
function alone(side: "client" | "server", order: typeof clientOrder, site: Site): { name: string; layer: Layer }[] {
  const seen = new Set<string>();
  return order.flatMap(({ row }) => {
    const layer = row[side]?.(site.method.policy[row.name], site);
    if (!layer) return [];
    const name = `${side}: ${row.name}${seen.has(row.name) ? ", each attempt" : ""}`;
    seen.add(row.name);
    return [{ name, layer }];
  });
}

const only = (policy: string, site: Site): Layer[] =>
  serverOrder.flatMap(({ row }) =>
    row.name === policy ? [row.server?.(site.method.policy[policy], site) as Layer] : [],
  );
