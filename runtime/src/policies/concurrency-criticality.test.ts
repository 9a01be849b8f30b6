import { describe, expect, test } from "vitest";
import { anyCall, claiming, config, full, rig } from "../../test/concurrency.ts";
import { decisionsOf } from "../../test/decisions.ts";
import { systemClock } from "../core/clock.ts";
import { type Criticality, criticalities, criticalityOf } from "../core/criticality.ts";
import type { RpcError } from "../core/error.ts";
import type { Site } from "../core/policy.ts";
import { siteFactory } from "../core/site.ts";
import type { MethodSpec } from "../core/spec.ts";
import { FakeClock, mount } from "../testing.ts";
import { type Saturation, saturationKey } from "./concurrency/loop-delay.ts";
import { concurrency } from "./concurrency.ts";

describe("criticality", () => {
  test("under overload what matters less is refused first", async () => {
    const { call, log } = rig({ max: 20, criticality: "CRITICAL_PLUS" });
    const fill = async (criticality: Criticality, count: number) => {
      for (let n = 0; n < count; n++) await call(`${criticality} ${n}`, claiming(criticality));
    };
    await fill("SHEDDABLE", 14);
    expect(log).toEqual([]);
    for (const criticality of ["SHEDDABLE_PLUS", "CRITICAL", "CRITICAL_PLUS"] as const) await fill(criticality, 20);
    const refused = criticalities.map((one) => log.filter((line) => line.startsWith(`${one} `)).length);
    // 14, then 17, then 19, then 20 of 20 places.
    expect(refused).toEqual([19, 18, 17, 0]);
    await call("late", claiming("SHEDDABLE"));
    expect(log.at(-1)).toBe("late UNAVAILABLE");
  });

  test("one that matters more takes the place of one that matters less in a full queue", async () => {
    const { call, end, names, send } = rig({ max: 1, queue: 1 });
    await call("a");
    const pushed = send("b", claiming("SHEDDABLE"));
    const out = expect(pushed).rejects.toMatchObject({ ...full, text: expect.stringContaining("matters more") });
    await call("c");
    await out;
    await end("a");
    expect(names()).toEqual(["a", "c"]);
  });

  test.each([
    // the method's, what the caller claims, what counts
    ["CRITICAL", undefined, "CRITICAL"],
    ["CRITICAL", "CRITICAL_PLUS", "CRITICAL"],
    ["CRITICAL", "SHEDDABLE", "SHEDDABLE"],
    ["CRITICAL", "nonsense", "CRITICAL"],
    ["CRITICAL_PLUS", undefined, "CRITICAL_PLUS"],
    ["CRITICAL_PLUS", "CRITICAL_PLUS", "CRITICAL_PLUS"],
    ["CRITICAL_PLUS", "CRITICAL", "CRITICAL"],
    ["SHEDDABLE", "CRITICAL", "SHEDDABLE"],
    ["SHEDDABLE_PLUS", "", "SHEDDABLE_PLUS"],
  ] as const)(
    "of a %s method that is called as %s, the call is %s, and that is what travels on",
    async (of, as, is) => {
      for (const side of ["server", "client"] as const) {
        const { send, seen } = mount(concurrency, config({ criticality: of }), { side });
        await send({}, as === undefined ? {} : claiming(as));
        const [call] = seen;
        // A client leaves to servers what they assume anyway.
        const silent = side === "client" && of === "CRITICAL";
        expect(call?.metadata.get("x-mesh-criticality")).toBe(silent ? as : is);
      }
    },
  );

  test("the metadata that arrived is passed on as it is when it says what holds", async () => {
    const { method } = mount(concurrency, config());
    const base = await anyCall();
    const call = { ...base, metadata: base.metadata.clone().set("x-mesh-criticality", "CRITICAL") };
    const seen: unknown[] = [];
    const handler = concurrency.server?.(
      config({ max: undefined } as never),
      siteFactory({})(method),
    )?.(async (call) => seen.push(call));
    await handler?.(call);
    expect(seen).toEqual([call]);
    expect(seen[0]).toBe(call);
  });

  test("a client of a method without a criticality of its own has no layer", () => {
    const { method } = mount(concurrency, config());
    expect(concurrency.client?.(config(), siteFactory({})(method))).toBeUndefined();
  });
});

describe("saturation", () => {
  const lateBy = (delayMs: number, clock = new FakeClock()) => {
    const asked: number[] = [];
    const saturation: Saturation = {
      delayMs() {
        asked.push(delayMs);
        return delayMs;
      },
    };
    const factory = siteFactory({ clock });
    const site = (method: MethodSpec): Site => {
      const made = factory(method);
      made.shared(saturationKey, () => saturation);
      return made;
    };
    return { site, asked };
  };

  test.each([
    [99, []],
    [100, ["SHEDDABLE"]],
    [199, ["SHEDDABLE"]],
    [200, ["SHEDDABLE_PLUS", "SHEDDABLE"]],
    [60_000, ["SHEDDABLE_PLUS", "SHEDDABLE"]],
  ])("a loop that is %i ms late sheds %j", async (delayMs, shed) => {
    const { site } = lateBy(delayMs);
    const { send, log } = {
      ...mount(concurrency, config({ max: 100, criticality: "CRITICAL_PLUS" }), { side: "server", site }),
      log: [] as string[],
    };
    for (const criticality of criticalities)
      await send({}, claiming(criticality)).catch((error: RpcError) => {
        expect(error).toMatchObject(full);
        expect(error.metadata?.all("grpc-retry-pushback-ms")).toEqual(["-1"]);
        log.push(criticality);
      });
    expect(log).toEqual(shed);
  });

  test("says so", async () => {
    const { site } = lateBy(150);
    const { send } = mount(concurrency, config(), { side: "server", site });
    const decisions = await decisionsOf(() => send({}, claiming("SHEDDABLE")).catch(() => {}));
    expect(decisions).toMatchObject([{ outcome: "shed", detail: { criticality: "SHEDDABLE", delayMs: 150 } }]);
  });

  test("nobody measures for calls that are never shed", async () => {
    const { site, asked } = lateBy(1000);
    const { send } = mount(concurrency, config({ criticality: "CRITICAL_PLUS" }), { side: "server", site });
    await send();
    await send({}, claiming("CRITICAL"));
    expect(asked).toEqual([]);
  });

  test("protects a method without max as well", async () => {
    const { site } = lateBy(1000);
    const { send, seen } = mount(concurrency, config({ max: undefined, criticality: "SHEDDABLE" } as never), {
      side: "server",
      site,
    });
    await expect(send()).rejects.toMatchObject(full);
    expect(seen).toEqual([]);
  });

  test("a server on the real clock measures its own loop", async () => {
    const { method } = mount(concurrency, config());
    const site = siteFactory({ clock: systemClock })(method);
    const handler = concurrency.server?.(
      config({ criticality: "SHEDDABLE" }),
      site,
    )?.(async (call) => criticalityOf(call.metadata));
    expect(await handler?.(await anyCall())).toBe("SHEDDABLE");
  });
});
