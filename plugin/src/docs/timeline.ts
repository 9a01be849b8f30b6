import { ticks } from "./axis.ts";
import type { Drawing, Paint, Shape } from "./blocks.ts";
import { duration } from "./format.ts";
import { textWidth } from "./text-width.ts";
import type { Attempt, WorstCase } from "./worst-case.ts";

const width = 372;
const left = 78;
const right = 356;
const rowHeight = 28;
const barHeight = 16;
const spreadHeight = 24;
const lineHeight = 16;
/** Of text beside bars and ticks. */
const small = 11;

/** How an axis of time lies on the canvas. */
interface Scale {
  readonly maxMs: number;
  /** True: what is drawn is in order, but no length says how long. */
  readonly schematic: boolean;
  /** Whether the deadline is too far away to be in its place. */
  readonly deadlineBeyond: boolean;
  x(ms: number): number;
}

/**
 * Draws a worst case over time: numbers in, shapes out. Undefined when no time bounds the call and it is sent once, so that
 * there is nothing to see.
 */
export function timeline(worst: WorstCase, title: string, description: string): Drawing | undefined {
  const schematic = worst.percentile !== undefined;
  const placed = schematic ? schematically(worst) : worst;
  const scale = scaleFor(placed, schematic);
  if (!scale) return undefined;

  const marks = marksOf(worst, scale);
  const top = 8 + marks.length * lineHeight;
  const bottom = top + placed.attempts.length * rowHeight + 4;
  const bars = placed.attempts.map((attempt, row) => barsOf(attempt, row, top, placed, scale));
  const key = worst.sends === "once" ? { shapes: [], bottom: bottom + 28 } : legend(worst, bottom + 40);
  return {
    width,
    height: key.bottom,
    title,
    description,
    shapes: [
      ...axis(scale, top, bottom),
      ...bars.flatMap(({ behind }) => behind),
      ...bars.flatMap(({ before }) => before),
      ...marks.flatMap((mark, line) => drawMark(mark, 16 + line * lineHeight, top, bottom)),
      ...key.shapes,
    ],
  };
}

/** A measured delay has no length yet: requests are put a fifth apart. */
function schematically(worst: WorstCase): WorstCase {
  const spanMs = worst.overMs === Number.POSITIVE_INFINITY ? 1 : worst.overMs;
  const step = spanMs / (worst.attempts.length + 2);
  const endMs = (startMs: number) =>
    worst.overMs === Number.POSITIVE_INFINITY ? worst.overMs : Math.max(startMs, spanMs);
  const attempts = worst.attempts.map(({ wait }, n): Attempt => {
    const startMs = n * step;
    return {
      wait: wait && { ms: step, lowestMs: step, highestMs: step },
      startMs,
      endMs: endMs(startMs),
      fits: "whole",
    };
  });
  return { ...worst, attempts };
}

function scaleFor({ attempts, deadlineMs, idleMs, bounded }: WorstCase, schematic: boolean): Scale | undefined {
  const lasts = attempts.map(({ startMs, endMs }) => (Number.isFinite(endMs) ? endMs : startMs * 1.5));
  const planned = Math.max(...lasts);
  const endless = !Number.isFinite(deadlineMs);
  const deadlineBeyond = !endless && bounded && !schematic && deadlineMs > 3 * planned;
  const attempted =
    endless || deadlineBeyond ? planned * 1.2 : Math.max(deadlineMs * 1.05, Math.min(planned, deadlineMs * 1.3));
  const silent = idleMs !== undefined && idleMs <= deadlineMs ? idleMs * 1.3 : 0;
  const maxMs = schematic && endless ? 1.05 : Math.max(attempted, silent);
  if (!(maxMs > 0 && Number.isFinite(maxMs))) return undefined;
  return { maxMs, schematic, deadlineBeyond, x: (ms) => left + (Math.min(ms, maxMs) / maxMs) * (right - left) };
}

/** What is drawn of one attempt: the spread of its wait is behind everything. */
function barsOf(
  attempt: Attempt,
  row: number,
  top: number,
  { overMs, sends, bounded, attempts }: WorstCase,
  scale: Scale,
) {
  const { wait, startMs, endMs, fits } = attempt;
  const { x, maxMs } = scale;
  const middle = top + row * rowHeight + rowHeight / 2;
  const bar = (paint: Paint, fromMs: number, toMs: number, height = barHeight): Shape[] =>
    fromMs > maxMs || toMs < fromMs
      ? []
      : [
          {
            kind: "rect",
            paint,
            x: x(fromMs),
            y: middle - height / 2,
            width: Math.max(2, x(toMs) - x(fromMs)),
            height,
          },
        ];
  const text = (words: string, fromMs: number, toMs: number): Shape[] => {
    const room = x(toMs) - x(fromMs) - 6;
    if (textWidth(words, small) > room) return [];
    return [{ kind: "text", ink: "onBar", x: (x(fromMs) + x(toMs)) / 2, y: middle + 4, anchor: "middle", text: words }];
  };

  const name = sends === "once" ? "call" : `${sends === "hedges" ? "request" : "attempt"} ${row + 1}`;
  const before: Shape[] = [
    { kind: "text", ink: fits === "late" ? "small" : "label", x: 8, y: middle + 4, anchor: "start", text: name },
  ];
  const behind: Shape[] = [];
  if (wait) {
    const fromMs = startMs - wait.ms;
    if (fits !== "late" && wait.highestMs > wait.lowestMs)
      behind.push(...bar("jitter", fromMs + wait.lowestMs, fromMs + wait.highestMs, spreadHeight));
    if (fits !== "late" || sends === "hedges" || attempts[row - 1]?.fits === "whole")
      before.push(...bar(fits === "late" ? "cut" : "wait", fromMs, startMs, 4));
  }
  if (fits === "late") {
    const words = "not sent";
    const seen = bar("late", startMs, endMs);
    const at = right - textWidth(words, small) - 8;
    if (seen.length === 0 || x(startMs) > at)
      before.push({ kind: "text", ink: "small", x: right, y: middle + 4, anchor: "end", text: words });
    else before.push(...seen);
  } else {
    const untilMs = Math.min(endMs, overMs);
    before.push(...bar("attempt", startMs, untilMs));
    if (fits === "cut") before.push(...bar("cut", overMs, endMs));
    const words =
      bounded && !scale.schematic && fits === "whole" ? duration(Number((endMs - startMs).toPrecision(9))) : "";
    const phrase =
      words !== "" || fits === "cut" ? words : Number.isFinite(untilMs) ? "until it ends or time is up" : "without end";
    if (phrase !== "") before.push(...text(phrase, startMs, Math.min(untilMs, maxMs)));
  }
  return { behind, before };
}

/** A moment with its name above. */
interface Mark {
  readonly paint: "deadline" | "silence";
  readonly at: number;
  readonly text: string;
}

function marksOf({ deadlineMs, idleMs }: WorstCase, { x, deadlineBeyond }: Scale): Mark[] {
  const marks: Mark[] = [];
  if (Number.isFinite(deadlineMs))
    marks.push({
      paint: "deadline",
      at: deadlineBeyond ? right : x(deadlineMs),
      text: deadlineBeyond ? `deadline ${duration(deadlineMs)}, further right` : `deadline ${duration(deadlineMs)}`,
    });
  if (idleMs !== undefined && idleMs <= deadlineMs)
    marks.push({ paint: "silence", at: x(idleMs), text: `no message for ${duration(idleMs)}` });
  return marks;
}

function drawMark({ paint, at, text }: Mark, y: number, top: number, bottom: number): Shape[] {
  const half = textWidth(text, small) / 2 + 2;
  const [anchor, textAt] =
    at + half > width - 8
      ? (["end", width - 8] as const)
      : at - half < 8
        ? (["start", 8] as const)
        : (["middle", at] as const);
  return [
    { kind: "line", paint, from: [at, top - 2], to: [at, bottom] },
    { kind: "text", ink: paint === "deadline" ? "onDeadline" : "onSilence", x: textAt, y, anchor, text },
  ];
}

function axis({ maxMs, schematic, x, deadlineBeyond }: Scale, top: number, bottom: number): Shape[] {
  const label = (at: number, text: string, anchor: "middle" | "end" = "middle"): Shape => ({
    kind: "text",
    ink: "small",
    x: at,
    y: bottom + 18,
    anchor,
    text,
  });
  const line: Shape = { kind: "line", paint: "axis", from: [left, bottom], to: [right, bottom] };
  const gap: Shape[] = deadlineBeyond ? [{ kind: "path", paint: "axis", d: breakAt(right - 14, bottom) }] : [];
  if (schematic) return [line, label(left, "0"), label(right, "not to scale", "end")];
  const fitting = [6, 5, 4, 3, 2, 1].map((most) => ticks(maxMs, most)).find(roomy(x)) ?? [0];
  const shown = fitting.filter((ms) => !deadlineBeyond || x(ms) < right - 24);
  return [
    ...shown.map((ms): Shape => ({ kind: "line", paint: "grid", from: [x(ms), top], to: [x(ms), bottom + 4] })),
    line,
    ...gap,
    ...shown
      .filter((ms) => x(ms) + textWidth(duration(ms), small) / 2 <= width - 4)
      .map((ms) => label(x(ms), duration(ms))),
  ];
}

const roomy = (x: Scale["x"]) => (at: readonly number[]) =>
  at.every((ms, n) => {
    const next = at[n + 1];
    if (next === undefined) return true;
    return x(next) - x(ms) >= (textWidth(duration(ms), small) + textWidth(duration(next), small)) / 2 + 8;
  });

/** Two strokes through the axis: it goes on for longer than is drawn. */
const breakAt = (at: number, y: number): string => `M${at - 4} ${y + 5}l4 -10M${at + 1} ${y + 5}l4 -10`;

function legend(
  { sends, attempts, percentile }: WorstCase,
  y: number,
): { readonly shapes: Shape[]; readonly bottom: number } {
  const kinds = new Set(attempts.map(({ fits }) => fits));
  const spread = attempts.some(({ wait, fits }) => wait && fits !== "late" && wait.highestMs > wait.lowestMs);
  const waits = attempts.length > 1;
  const delay = percentile === undefined ? "delay" : `delay: p${percentile} as measured`;
  const entries: readonly (readonly [Paint, string, boolean])[] = [
    ["attempt", sends === "hedges" ? "request" : "attempt", true],
    ["wait", sends === "hedges" ? delay : "wait", waits],
    ["jitter", "where the wait may end", spread],
    ["cut", "cut off", kinds.has("cut")],
    ["late", "not sent", kinds.has("late")],
  ];
  const shapes: Shape[] = [];
  let at = 8;
  let line = y;
  for (const [paint, text, used] of entries) {
    if (!used) continue;
    const wide = 18 + textWidth(text, small);
    if (at > 8 && at + wide > width - 8) {
      at = 8;
      line += 18;
    }
    const height = paint === "wait" ? 4 : 10;
    shapes.push(
      { kind: "rect", paint, x: at, y: line - 4 - height / 2, width: 12, height },
      { kind: "text", ink: "small", x: at + 18, y: line, anchor: "start", text },
    );
    at += wide + 14;
  }
  return { shapes, bottom: line + 10 };
}
