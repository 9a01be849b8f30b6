import type { MethodContract } from "../contract/contract.ts";
import type { Drawing, Figure } from "./blocks.ts";
import { methodId } from "./glance.ts";
import { inlineOf } from "./inline.ts";
import { layersOf } from "./layers.ts";
import { layersDrawing } from "./layers-drawing.ts";
import { timeline } from "./timeline.ts";
import { worstCase } from "./worst-case.ts";
import { worstDescription, worstText } from "./worst-text.ts";

/** A drawing with the name of its file. */
type Drawn = Pick<Figure, "file" | "drawing">;

/**
 * The drawings of the methods of one page, whose files are called `page.*`. Methods with equal policies share theirs: they are
 * made once, and the first method lends its name to the file.
 */
export function figuresOf(page: string): (method: MethodContract) => Figure[] {
  const made = new Map<string, Drawn | undefined>();
  const once = (
    kind: string,
    { name }: MethodContract,
    facts: unknown,
    draw: () => Drawing | undefined,
  ): Drawn | undefined => {
    const key = `${kind} ${JSON.stringify(facts, endless)}`;
    if (!made.has(key)) {
      const drawing = draw();
      made.set(key, drawing && { file: `${page}.${name}.${kind}`, drawing });
    }
    return made.get(key);
  };

  return (method) => {
    const id = methodId(method.name);
    const worst = worstCase(method);
    const said = worstText(worst, method.policy);
    const overTime = once("timeline", method, worst, () =>
      timeline(worst, "The worst case of a call over time", worstDescription(worst)),
    );
    const passed = layersOf(method);
    const ends = { target: targetOf(method), door: method.routes.length > 0 ? "gRPC, Connect, REST" : "gRPC, Connect" };
    const several = worst.attempts.length > 1;
    const layers = once("layers", method, [passed, ends, several], () =>
      layersDrawing(passed, ends, several, "The layers that a call passes"),
    ) as Drawn;
    const passes = "What a call passes, from the caller to the implementation.";
    return [
      ...(overTime ? [{ ...overTime, id: `${id}-timeline`, caption: inlineOf(said) }] : []),
      { ...layers, id: `${id}-layers`, caption: overTime ? passes : `${passes} ${said}` },
    ];
  };
}

/** JSON has no Infinity, which here is a time that never comes. */
const endless = (_: string, value: unknown): unknown => (value === Number.POSITIVE_INFINITY ? "never" : value);

/** How a target's address is chosen and what becomes of requests on their way: no layers, but the transport's work. */
function targetOf({ policy: { balance, compression } }: MethodContract): string {
  const parts = [
    ...(balance ? [balance.hashBy === undefined ? balance.picker : `${balance.picker} by ${balance.hashBy}`] : []),
    ...(compression && compression.request !== "IDENTITY" ? [`${compression.request} requests`] : []),
  ];
  return parts.join(", ") || "by wire or in process";
}
