import { describe, expect, test } from "vitest";
import { config } from "../../test/concurrency.ts";
import { decisionsOf } from "../../test/decisions.ts";
import { RpcError } from "../core/error.ts";
import { siteFactory } from "../core/site.ts";
import { FakeClock, mount } from "../testing.ts";
import { type ConcurrencyConfig, concurrency } from "./concurrency.ts";

describe("GRADIENT", () => {
  const adaptive = { adaptive: "GRADIENT", min: 5, max: 40, queue: 0 } as const;

  /** Keeps the method as full as it lets itself be, with calls that take so long. Returns how many ran at most at the end. */
  async function load({ send, clock }: ReturnType<typeof mount>, rounds: number): Promise<number> {
    let ran = 0;
    for (let round = 0; round < rounds; round++) {
      ran = 0;
      for (let n = 0; n < 60; n++)
        send().then(
          () => ran++,
          () => {},
        );
      await clock.advance(1000);
    }
    return ran;
  }

  test("lets in more while the latency is steady, fewer when it rises, within min and max", async () => {
    const clock = new FakeClock();
    let ms = 20;
    const handler = () => new Promise((resolve) => clock.schedule(ms, () => resolve({})));
    const mounted = mount(concurrency, config(adaptive), { side: "server", clock, handler });
    const decisions = await decisionsOf(async () => {
      const start = await load(mounted, 1);
      expect(start).toBe(20);
      const steady = await load(mounted, 100);
      expect(steady).toBe(40);
      ms = 200;
      const slow = await load(mounted, 30);
      expect(slow).toBeLessThan(20);
      expect(slow).toBeGreaterThanOrEqual(5);
      ms = 20;
      expect(await load(mounted, 100)).toBe(40);
    });
    const limits = decisions.filter(({ outcome }) => outcome === "limit").map(({ detail }) => detail?.limit as number);
    expect(Math.max(...limits)).toBe(40);
    expect(Math.min(...limits)).toBeLessThan(20);
    expect(decisions.some(({ outcome }) => outcome === "refused")).toBe(true);
  });

  test("calls that fail fast teach it nothing, calls that run into their deadline do", async () => {
    const clock = new FakeClock();
    let answer: () => Promise<unknown> = () => new Promise((resolve) => clock.schedule(20, () => resolve({})));
    const mounted = mount(concurrency, config(adaptive), { side: "server", clock, handler: () => answer() });
    await load(mounted, 100);
    answer = () => Promise.reject(new RpcError("UNAVAILABLE", "the store is down"));
    const decisions = await decisionsOf(async () => {
      await load(mounted, 50);
      // Nor do the usual answers look slow after them.
      answer = () => new Promise((resolve) => clock.schedule(20, () => resolve({})));
      await load(mounted, 5);
    });
    expect(decisions.filter(({ outcome }) => outcome === "limit")).toEqual([]);

    answer = () => new Promise(() => {});
    for (let round = 0; round < 30; round++) {
      for (let n = 0; n < 60; n++) mounted.send({}, { timeoutMs: 500 }).catch(() => {});
      await clock.advance(1000);
    }
    answer = () => new Promise((resolve) => clock.schedule(20, () => resolve({})));
    expect(await load(mounted, 1)).toBeLessThan(20);
  });

  test("what it has learned outlives a change of anything but its bounds", async () => {
    const clock = new FakeClock();
    const site = siteFactory({ clock });
    const handler = () => new Promise((resolve) => clock.schedule(20, () => resolve({})));
    const build = (part: Partial<ConcurrencyConfig>) =>
      mount(concurrency, config({ ...adaptive, ...part }), { side: "server", clock, site, handler });
    expect(await load(build({}), 100)).toBe(40);
    expect(await load(build({ queue: 1, criticality: "CRITICAL_PLUS" }), 1)).toBeGreaterThanOrEqual(38);
    expect(await load(build({ max: 30 }), 1)).toBe(20);
  });
});
