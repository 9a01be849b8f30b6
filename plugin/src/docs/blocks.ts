/** A page before it is HTML or Markdown: plain text everywhere, so that escaping has one place in each printer. */
export interface Page {
  readonly title: string;
  /** The name of the page's files, without extension. */
  readonly file: string;
  readonly blocks: readonly Block[];
}

/** Text with what sets parts of it apart. A string is plain text. */
export type Inline =
  | string
  | { readonly code: string }
  | { readonly strong: Inline }
  /** Of less weight than the rest. */
  | { readonly muted: Inline }
  /** `to` is a page's file without extension, an id after `#`, or both. */
  | { readonly link: Inline; readonly to: string }
  /** One below the other. */
  | { readonly lines: readonly Inline[] }
  | readonly Inline[];

/** A part of a page. */
export type Block =
  | { readonly kind: "heading"; readonly level: 1 | 2 | 3; readonly id: string; readonly text: Inline }
  | { readonly kind: "paragraph"; readonly text: Inline }
  /** What is said about the part above, such as its kind and its routes. */
  | { readonly kind: "facts"; readonly facts: readonly (readonly [name: string, value: Inline])[] }
  | { readonly kind: "list"; readonly items: readonly Inline[] }
  | Table
  | { readonly kind: "figures"; readonly figures: readonly Figure[] }
  /** Blocks that belong together. */
  | { readonly kind: "section"; readonly blocks: readonly Block[] };

/** A table whose rows all have as many cells as its head. */
export interface Table {
  readonly kind: "table";
  /** For readers who do not see it. */
  readonly caption: string;
  readonly head: readonly string[];
  /** Of the columns, in percent. */
  readonly widths: readonly number[];
  readonly rows: readonly (readonly Inline[])[];
}

/** A drawing with what it says in words. */
export interface Figure {
  /** On its page. Letters, digits, `.`, `-` and `_`, like `file`. */
  readonly id: string;
  /** Name of its file in Markdown, without extension: the same for equal drawings. */
  readonly file: string;
  readonly drawing: Drawing;
  readonly caption: Inline;
}

/** Shapes on a canvas whose sizes are pixels at the scale in which text is 12 high. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  /** What the drawing shows, for readers who do not see it. */
  readonly description: string;
  readonly shapes: readonly Shape[];
}

/** What a shape is, which decides on its colours. */
export type Paint =
  | "attempt"
  | "cut"
  | "late"
  | "wait"
  | "jitter"
  | "deadline"
  | "silence"
  | "grid"
  | "axis"
  | "box"
  | "end"
  | "maybe"
  | "group"
  | "wire";

/** How text looks. */
export type Ink = "label" | "small" | "strong" | "onBar" | "onDeadline" | "onSilence";

export type Shape =
  | {
      readonly kind: "rect";
      readonly paint: Paint;
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly radius?: number;
    }
  | {
      readonly kind: "line";
      readonly paint: Paint;
      readonly from: readonly [number, number];
      readonly to: readonly [number, number];
    }
  /** `d` as SVG has it. */
  | { readonly kind: "path"; readonly paint: Paint; readonly d: string }
  | {
      readonly kind: "text";
      readonly ink: Ink;
      readonly x: number;
      readonly y: number;
      readonly anchor: "start" | "middle" | "end";
      readonly text: string;
    };
