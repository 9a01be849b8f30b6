import type { MethodPolicy } from "@protomesh/runtime/policies";
import { expect, test } from "vitest";
import { ticks } from "./axis.ts";
import type { Drawing, Paint, Shape } from "./blocks.ts";
import { textWidth } from "./text-width.ts";
import { timeline } from "./timeline.ts";
import { worstCase } from "./worst-case.ts";

const budget = { ratio: 0.2, floorPerSecond: 10, windowMs: 10_000 };
const retry = {
  attempts: 3,
  on: ["UNAVAILABLE"],
  initialMs: 50,
  maxMs: 500,
  multiplier: 2,
  jitter: "PROPORTIONAL",
  attemptTimeout: true,
  budget,
} as const;

const draw = (policy: MethodPolicy, kind: "unary" | "bidi" = "unary") =>
  timeline(worstCase({ kind, policy }), "title", "description");
const drawn = (policy: MethodPolicy, kind?: "unary" | "bidi"): Drawing => {
  const drawing = draw(policy, kind);
  if (!drawing) throw new Error("nothing was drawn");
  return drawing;
};
type Rect = Extract<Shape, { kind: "rect" }>;
type Text = Extract<Shape, { kind: "text" }>;
const rects = ({ shapes }: Drawing, paint: Paint) =>
  shapes.filter((shape): shape is Rect => shape.kind === "rect" && shape.paint === paint && shape.x > 70);
const texts = ({ shapes }: Drawing) => shapes.filter((shape): shape is Text => shape.kind === "text");
const deadlineOf = ({ shapes }: Drawing) =>
  shapes.flatMap((shape) => (shape.kind === "line" && shape.paint === "deadline" ? [shape.from[0]] : []));

test("bars are as long as their times, one row below the other", () => {
  const drawing = drawn({ timeout: { totalMs: 2000, attemptMs: 400 }, retry });
  const [first, second, third] = rects(drawing, "attempt") as [Rect, Rect, Rect];
  const [deadline] = deadlineOf(drawing) as [number];
  const perMs = (deadline - first.x) / 2000;
  for (const [bar, startMs] of [
    [first, 0],
    [second, 450],
    [third, 950],
  ] as const) {
    expect(bar.x - first.x).toBeCloseTo(startMs * perMs, 5);
    expect(bar.width).toBeCloseTo(400 * perMs, 5);
  }
  expect(first.y).toBeLessThan(second.y);
  expect(second.y).toBeLessThan(third.y);
  const [spread] = rects(drawing, "jitter") as [Rect];
  expect(spread.x - first.x).toBeCloseTo(440 * perMs, 5);
  expect(spread.width).toBeCloseTo(20 * perMs, 5);
  expect([...rects(drawing, "cut"), ...rects(drawing, "late")]).toEqual([]);
});

test("what the deadline cuts is hollow behind it, and what is not sent has no bar before it", () => {
  const drawing = drawn({
    timeout: { totalMs: 2000, attemptMs: 600 },
    retry: { ...retry, attempts: 5, initialMs: 200, maxMs: 2000 },
  });
  const [deadline] = deadlineOf(drawing) as [number];
  const bars = rects(drawing, "attempt");
  expect(bars).toHaveLength(3);
  expect((bars[2]?.x ?? 0) + (bars[2]?.width ?? 0)).toBeCloseTo(deadline, 5);
  expect(rects(drawing, "cut")[0]?.x).toBeCloseTo(deadline, 5);
  expect(texts(drawing).filter(({ text }) => text === "not sent").length).toBeGreaterThanOrEqual(2);
});

test("a deadline far behind all attempts is named, and does not squeeze them", () => {
  const drawing = drawn({
    timeout: { totalMs: 3_600_000, attemptMs: 0.5 },
    retry: { ...retry, initialMs: 1, maxMs: 2 },
  });
  for (const { width } of rects(drawing, "attempt")) expect(width).toBeGreaterThan(15);
  expect(texts(drawing).map(({ text }) => text)).toContain("deadline 1\u00a0h, further right");
});

test("where no time bounds a call that is sent once there is nothing to draw", () => {
  expect(draw({})).toBeUndefined();
  expect(draw({ timeout: { maxMs: 5 } })).toBeDefined();
  expect(draw({ timeout: { idleMs: 5 } })).toBeUndefined();
  expect(draw({ timeout: { idleMs: 5 } }, "bidi")).toBeDefined();
});

test.each([500, undefined])(
  "a measured delay has no length: the axis says so and has no times, attempt %s",
  (attemptMs) => {
    const drawing = drawn({
      timeout: { totalMs: 500, ...(attemptMs && { attemptMs: 400 }) },
      hedge: { attempts: 3, percentile: 95, keepGoingOn: [], budget },
    });
    const said = texts(drawing).map(({ text }) => text);
    expect(said).toContain("not to scale");
    expect(said.filter((text) => /\d.(ms|s)$/.test(text))).toEqual(["deadline 500\u00a0ms"]);
    expect(rects(drawing, "attempt")).toHaveLength(3);
  },
);

const sizes: readonly MethodPolicy[] = [
  0.01, 0.3, 1, 77, 999, 2500, 61_000, 3_700_000, 86_400_000, 31_622_400_000,
].flatMap((totalMs) =>
  [1.1, 2, 7, 1000].flatMap((share): MethodPolicy[] => [
    {
      timeout: { totalMs, attemptMs: totalMs / share },
      retry: { ...retry, attempts: 5, initialMs: totalMs / 9, maxMs: totalMs },
    },
    { timeout: { totalMs }, retry: { ...retry, initialMs: totalMs / share, maxMs: totalMs * 2 } },
    {
      timeout: { totalMs, attemptMs: totalMs / share },
      hedge: { attempts: 5, delayMs: totalMs / (share * 2), keepGoingOn: ["DEADLINE_EXCEEDED"], budget },
    },
    { retry: { ...retry, initialMs: totalMs, maxMs: totalMs * 10 } },
  ]),
);

test.each(sizes)("nothing leaves the canvas and no two texts touch: %j", (policy) => {
  const drawing = drawn(policy);
  const { width, height } = drawing;
  for (const { x, y, width: wide, height: high } of drawing.shapes.filter(
    (shape): shape is Rect => shape.kind === "rect",
  )) {
    expect(x).toBeGreaterThanOrEqual(0);
    expect(y).toBeGreaterThanOrEqual(0);
    expect(x + wide).toBeLessThanOrEqual(width);
    expect(y + high).toBeLessThanOrEqual(height);
  }
  const boxes = texts(drawing).map(({ text, x, y, anchor, ink }) => {
    const wide = textWidth(text, ink === "label" ? 12 : 11);
    const left = anchor === "start" ? x : anchor === "end" ? x - wide : x - wide / 2;
    return { text, left, right: left + wide, top: y - 9, bottom: y + 2 };
  });
  for (const [index, box] of boxes.entries()) {
    expect(box.left, box.text).toBeGreaterThanOrEqual(0);
    expect(box.right, box.text).toBeLessThanOrEqual(width);
    expect(box.bottom, box.text).toBeLessThanOrEqual(height);
    for (const other of boxes.slice(index + 1)) {
      const apart =
        other.left >= box.right || other.right <= box.left || other.top >= box.bottom || other.bottom <= box.top;
      expect(apart, `${box.text} and ${other.text}`).toBe(true);
    }
  }
});

test("ticks are round, start at 0 and are few", () => {
  expect(ticks(2100, 6)).toEqual([0, 500, 1000, 1500, 2000]);
  expect(ticks(2.1, 6)).toEqual([0, 0.5, 1, 1.5, 2]);
  expect(ticks(0.0003, 3)).toEqual([0, 0.0001, 0.0002, 0.0003]);
  expect(ticks(61_000, 4)).toEqual([0, 30_000, 60_000]);
  expect(ticks(7_300_000, 4)).toEqual([0, 3_600_000, 7_200_000]);
  for (const max of [0.001, 0.9, 3, 59_999, 4e6, 9e7, 4e10, 1e13])
    for (const most of [1, 3, 6]) expect(ticks(max, most).length).toBeLessThanOrEqual(most + 1);
});
