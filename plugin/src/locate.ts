import type { DescFile } from "@bufbuild/protobuf";
import type { Sources } from "./request.ts";

/** A position in a proto file, counted from 1, and the path that has it in the file's descriptor. */
export interface Position {
  readonly line: number;
  readonly column: number;
  readonly path: readonly number[];
}

interface Element {
  readonly file: DescFile;
  readonly path: readonly number[];
}

interface Index {
  readonly starts: ReadonlyMap<string, Position>;
  /** By the path of an option's field that has no position: the position of its first part that has one. */
  readonly parts: ReadonlyMap<string, Position>;
}

/** Finds positions in proto files. */
export class Locator {
  readonly #sources: Sources;
  readonly #files = new Map<DescFile, Index>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /**
   * The position of an element, as near as the compiler's source information allows: its own, else of a part of it,
   * else of the closest element around it. Compilers give one position for an option written as one `{ ... }`.
   */
  locate({ file, path }: Element): Position {
    const { starts, parts } = this.#index(file);
    const key = path.join(".");
    const own = starts.get(key) ?? parts.get(key);
    if (own) return own;
    for (let length = path.length - 1; length > 0; length--) {
      const around = starts.get(path.slice(0, length).join("."));
      if (around) return around;
    }
    return { line: 1, column: 1, path: [] };
  }

  #index(file: DescFile): Index {
    const index = this.#files.get(file) ?? indexOf(this.#sources.locations(file));
    this.#files.set(file, index);
    return index;
  }
}

function indexOf(locations: ReturnType<Sources["locations"]>): Index {
  const starts = new Map<string, Position>();
  const parts = new Map<string, Position>();
  for (const { path, span } of locations) {
    const position = { line: (span[0] ?? 0) + 1, column: (span[1] ?? 0) + 1, path };
    setFirst(starts, path.join("."), position);
    // Only options are written in parts: `option (mesh.v1.method).retry.attempts = 3`. Their numbers are five digits.
    const option = path.findIndex((number) => number >= 10_000);
    for (let length = option + 1; option >= 0 && length < path.length; length++) {
      setFirst(parts, path.slice(0, length).join("."), position);
    }
  }
  return { starts, parts };
}

function setFirst(map: Map<string, Position>, key: string, position: Position): void {
  if (!map.has(key)) map.set(key, position);
}
