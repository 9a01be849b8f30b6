import type { Drawing, Paint, Shape } from "./blocks.ts";
import type { PassedLayer, PassedLayers } from "./layers.ts";
import { wrapped } from "./text-width.ts";

const width = 372;
const column = { width: 162, client: 8, server: 202 };
const top = 34;
const gap = 10;
const padding = 10;
const line = { name: 15, text: 14 };
const size = { name: 12, text: 11 };

/** What is said about the ends of the way, besides its layers. */
export interface Ends {
  /** Of the transport, such as how an address is chosen. */
  readonly target: string;
  /** By which protocols the server is asked. */
  readonly door: string;
}

/** A box of a column, before it has its place. */
interface Box {
  readonly paint: Paint;
  readonly name: string;
  readonly does: string;
}

interface Placed extends Box {
  readonly y: number;
  readonly height: number;
  readonly lines: readonly string[];
}

/** Draws the layers that a call passes: down the client's column, over the wire, and down the server's. */
export function layersDrawing(layers: PassedLayers, ends: Ends, several: boolean, title: string): Drawing {
  const before = stack([{ paint: "end", name: "your call", does: "" }, ...layers.call.map(boxOf)], top);
  const inner = [...layers.attempt.map(boxOf), { paint: "end", name: "target", does: ends.target } as const];
  const attempts = stack(inner, bottomOf(before) + gap + (several ? 22 : 0));
  const server = stack(
    [
      { paint: "end", name: "server", does: ends.door },
      ...layers.server.map(boxOf),
      { paint: "end", name: "your implementation", does: "" },
    ],
    top,
  );
  const clientBottom = bottomOf(attempts);
  const height = Math.max(clientBottom + (several ? 6 : 0), bottomOf(server)) + 8;
  return {
    width,
    height,
    title,
    description: describe(layers, several),
    shapes: [
      heading("client", column.client),
      heading("server", column.server),
      ...(several ? group(attempts) : []),
      ...draw([...before, ...attempts], column.client),
      ...draw(server, column.server),
      ...wire(attempts.at(-1) as Placed, server[0] as Placed),
    ],
  };
}

const boxOf = ({ at, does, maybe }: PassedLayer): Box => ({ paint: maybe ? "maybe" : "box", name: nameOf(at), does });

/** `circuitBreaker` as readers write it. */
const nameOf = (at: string): string => at.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

function stack(boxes: readonly Box[], from: number): Placed[] {
  let y = from;
  return boxes.map((box) => {
    const lines = wrapped(box.does, column.width - 2 * padding, size.text, 2);
    const height = 2 * 6 + line.name + lines.length * line.text;
    const placed = { ...box, y, height, lines };
    y += height + gap;
    return placed;
  });
}

const bottomOf = (placed: readonly Placed[]): number => {
  const last = placed.at(-1) as Placed;
  return last.y + last.height;
};

const heading = (text: string, x: number): Shape => ({ kind: "text", ink: "small", x, y: 20, anchor: "start", text });

function draw(placed: readonly Placed[], x: number): Shape[] {
  const middle = x + column.width / 2;
  return placed.flatMap(({ paint, name, lines, y, height }, index): Shape[] => [
    ...(index === 0 ? [] : [arrow(middle, bottomOf([placed[index - 1] as Placed]), y)]),
    { kind: "rect", paint, x, y, width: column.width, height, radius: 6 },
    { kind: "text", ink: "strong", x: x + padding, y: y + 6 + 12, anchor: "start", text: name },
    ...lines.map(
      (text, n): Shape => ({
        kind: "text",
        ink: "small",
        x: x + padding,
        y: y + 6 + line.name + 11 + n * line.text,
        anchor: "start",
        text,
      }),
    ),
  ]);
}

/** Around what each attempt passes. */
function group(placed: readonly Placed[]): Shape[] {
  const [first] = placed as readonly [Placed];
  const x = column.client - 6;
  const y = first.y - 22;
  return [
    { kind: "rect", paint: "group", x, y, width: column.width + 12, height: bottomOf(placed) + 6 - y, radius: 8 },
    { kind: "text", ink: "small", x: column.client, y: first.y - 8, anchor: "start", text: "each attempt" },
  ];
}

const arrow = (x: number, from: number, to: number): Shape => ({
  kind: "path",
  paint: "wire",
  d: `M${x} ${from}V${to}${to - from > 6 ? `m-3 -5l3 5l3 -5` : ""}`,
});

/** From the last box of the client to the first of the server. */
function wire(from: Placed, to: Placed): Shape[] {
  const startY = from.y + from.height / 2;
  const endY = to.y + to.height / 2;
  const startX = column.client + column.width;
  const turnX = (startX + column.server) / 2 + 3;
  return [{ kind: "path", paint: "wire", d: `M${startX} ${startY}H${turnX}V${endY}H${column.server}m-6 -4l6 4l-6 4` }];
}

function describe({ call, attempt, server }: PassedLayers, several: boolean): string {
  const list = (layers: readonly PassedLayer[]) =>
    layers.map(({ at, does }) => `${nameOf(at)} (${does})`).join(", then ") || "no layer";
  return `On the client: ${list(call)}. For ${several ? "each attempt" : "its attempt"}: ${list(attempt)}. On the server: ${list(server)}.`;
}
