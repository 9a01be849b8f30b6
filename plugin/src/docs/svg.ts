import type { Drawing, Shape } from "./blocks.ts";
import { markup } from "./escape.ts";
import { drawingStyle } from "./style.ts";

/**
 * A drawing as an SVG element. `id` begins the ids within it, which must be unique on a page. With `alone` it is a file of its
 * own: it brings its colours, light and dark, and a background, because the page around an image may have another scheme.
 */
export function svg(drawing: Drawing, id: string, alone: boolean): string {
  const { width, height, title, description, shapes } = drawing;
  const [nameId, descriptionId] = [`${id}-title`, `${id}-desc`].map(markup);
  const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="drawing" role="img" aria-labelledby="${nameId} ${descriptionId}" ${size}>`,
    `<title id="${nameId}">${markup(title)}</title>`,
    `<desc id="${descriptionId}">${markup(description)}</desc>`,
    ...(alone
      ? [`<style>${drawingStyle}</style>`, `<rect class="paper" width="${width}" height="${height}" rx="8"/>`]
      : []),
    inked(shapes),
    "</svg>\n",
  ].join("\n");
}

const drawn = new WeakMap<Drawing["shapes"], string>();

/** Equal methods share a drawing, which is then on a page several times. */
function inked(shapes: Drawing["shapes"]): string {
  const text = drawn.get(shapes) ?? shapes.map(element).join("\n");
  drawn.set(shapes, text);
  return text;
}

function element(shape: Shape): string {
  switch (shape.kind) {
    case "rect": {
      const { paint, x, y, width, height, radius = 3 } = shape;
      return `<rect class="${paint}" x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}" rx="${radius}"/>`;
    }
    case "line": {
      const [[x1, y1], [x2, y2]] = [shape.from, shape.to];
      return `<line class="${shape.paint}" x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}"/>`;
    }
    case "path":
      return `<path class="${shape.paint}" d="${markup(shape.d)}"/>`;
    case "text":
      return `<text class="${shape.ink}" x="${px(shape.x)}" y="${px(shape.y)}" text-anchor="${shape.anchor}">${markup(shape.text)}</text>`;
  }
}

/** A tenth of a pixel is enough, and the same everywhere. */
const px = (value: number): string => String(Math.round(value * 10) / 10);
