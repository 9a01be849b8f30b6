import type { DescFile } from "@bufbuild/protobuf";

/** A position in a proto file, counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

interface Element {
  readonly file: DescFile;
  readonly path: readonly number[];
}

/**
 * The position of an element, as near as the compiler's source information allows: its own, else of a part of it,
 * else of the closest element around it. Compilers give one position for an option written as one `{ ... }`.
 */
export function locate({ file, path }: Element): Position {
  const index = positions(file);
  const own = index.starts.get(path.join("."));
  if (own) return own;
  const part = index.parts.get(path.join("."));
  if (part) return part;
  for (let length = path.length - 1; length > 0; length--) {
    const around = index.starts.get(path.slice(0, length).join("."));
    if (around) return around;
  }
  return { line: 1, column: 1 };
}

interface Index {
  readonly starts: ReadonlyMap<string, Position>;
  /** By the path of an option's field that has no position: the position of its first part that has one. */
  readonly parts: ReadonlyMap<string, Position>;
}

const indices = new WeakMap<DescFile, Index>();

function positions(file: DescFile): Index {
  const known = indices.get(file);
  if (known) return known;
  const starts = new Map<string, Position>();
  const parts = new Map<string, Position>();
  for (const { path, span } of file.proto.sourceCodeInfo?.location ?? []) {
    const position = { line: (span[0] ?? 0) + 1, column: (span[1] ?? 0) + 1 };
    setFirst(starts, path.join("."), position);
    // Only options are written in parts: `option (mesh.v1.method).retry.attempts = 3`. Their numbers are five digits.
    const option = path.findIndex((number) => number >= 10_000);
    for (let length = option + 1; option >= 0 && length < path.length; length++) {
      setFirst(parts, path.slice(0, length).join("."), position);
    }
  }
  const index = { starts, parts };
  indices.set(file, index);
  return index;
}

function setFirst(map: Map<string, Position>, key: string, position: Position): void {
  if (!map.has(key)) map.set(key, position);
}
