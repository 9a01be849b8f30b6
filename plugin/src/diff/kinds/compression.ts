import type { CompressionConfig } from "@protomesh/runtime/policies";
import { changed, type Kind, type Verdict } from "../verdict.ts";

const other: Verdict = ["operational", "requests are compressed in another way"];

/** `compression`. */
export const compression: Kind<CompressionConfig> = {
  added: () => [["operational", "requests are compressed: the server must understand that"]],
  removed: () => [["operational", "requests are sent as they are"]],
  rows: { request: changed(other), minBytes: changed(other) },
};
