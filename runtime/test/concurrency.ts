/** What the tests of concurrency have in common. */
import type { Call } from "../src/core/call.ts";
import { type ConcurrencyConfig, concurrency } from "../src/policies/concurrency.ts";
import { type MountOptions, mount, type SendOptions, settled } from "../src/testing.ts";

/** Two at once, unless a test says otherwise. */
export const config = (part: Partial<ConcurrencyConfig> = {}): ConcurrencyConfig => ({
  max: 2,
  queue: 0,
  adaptive: "FIXED",
  criticality: "CRITICAL",
  ...part,
});

/** A refusal by the layer. */
export const full = { code: "UNAVAILABLE", refusedBy: "concurrency" };

/** What a caller says who claims a criticality. */
export const claiming = (criticality: string): SendOptions => ({ metadata: { "x-mesh-criticality": criticality } });

/** A server's layer whose calls run until they are told to end, named by their requests. */
export function rig(part: Partial<ConcurrencyConfig> = {}, options: MountOptions = {}) {
  const running = new Map<string, { resolve(reply: unknown): void; reject(error: unknown): void }>();
  const log: string[] = [];
  const mounted = mount(concurrency, config(part), {
    side: "server",
    handler: ({ request }) =>
      new Promise((resolve, reject) => {
        running.set(String(request), { resolve, reject });
      }),
    ...options,
  });
  return {
    ...mounted,
    running,
    log,
    /** Starts a call and notes how it ends. */
    async call(name: string, options?: SendOptions) {
      mounted.send(name, options).then(
        () => log.push(`${name} ok`),
        (error) => log.push(`${name} ${error.code}`),
      );
      await settled();
    },
    async end(name: string) {
      running.get(name)?.resolve({});
      await settled();
    },
    names: () => mounted.seen.map(({ request }) => String(request)),
  };
}

/** Any call as a server sees it. */
export async function anyCall(): Promise<Call> {
  const { send, seen } = mount({ name: "none" }, {}, { side: "server" });
  await send();
  return seen[0] as Call;
}
