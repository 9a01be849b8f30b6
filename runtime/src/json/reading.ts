import type { Fields } from "./place.ts";

/** The progress of one reading. */
export interface Reading {
  /** Keys of objects seen so far. */
  keys: number;
  /** Messages that are open. */
  depth: number;
  /** True when no string can have half a surrogate pair. */
  readonly wellFormed: boolean;
}

/** Reads a JSON value; `name` is the field it belongs to, "" for the outermost. Throws JsonError. */
export type Reader = (json: unknown, reading: Reading, name: string) => unknown;

/** Reads the JSON of one field into a message. Throws JsonError. */
export type Setter = (message: Fields, json: unknown, reading: Reading) => void;

/** Messages may be nested this deep, as in protobuf-es. */
export const deepest = 100;
