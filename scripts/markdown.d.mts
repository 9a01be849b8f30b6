/** A fenced block of a Markdown file. */
export interface Block {
  readonly file: string;
  readonly line: number;
  readonly language: string;
  readonly words: readonly string[];
  readonly attributes: { readonly [name: string]: string };
  readonly text: string;
}

/** The fenced blocks of a file, in their order. */
export function blocks(file: string): Block[];

/** Relative link targets of a file, without anchors, outside code blocks. */
export function links(file: string): string[];
