import type { HttpConfig } from "@protomesh/runtime/policies";
import { changed, type Judge, type Kind, type Verdict, without } from "../verdict.ts";

/** Strictness about what a request should not have. */
const unknown =
  (absent: "IGNORE" | "REJECT", refused: Verdict, accepted: Verdict): Judge<"IGNORE" | "REJECT"> =>
  (before = absent, after = absent) =>
    before === after ? [] : [after === "REJECT" ? refused : accepted];

const headers: Judge<NonNullable<HttpConfig["headers"]>> = (before = [], after = []) => {
  const texts = (bindings: typeof before) => bindings.map(({ header, field }) => `${header} for ${field}`);
  const lost = without(texts(before), texts(after));
  const found = without(texts(after), texts(before));
  return [
    ...(lost.length > 0 ? [["breaking", `${lost.join(", ")}: the header no longer fills the field`] as const] : []),
    ...(found.length > 0 ? [["operational", `${found.join(", ")}: the header now fills the field`] as const] : []),
  ];
};

/** `http`, option by option. */
export const http: Kind<HttpConfig> = {
  rows: {
    successStatus: changed(["breaking", "HTTP clients get another status"], 200),
    headers,
    unknownQuery: unknown(
      "IGNORE",
      ["breaking", "requests with unknown query parameters are refused"],
      ["operational", "unknown query parameters are ignored"],
    ),
    unknownJson: unknown(
      "REJECT",
      ["breaking", "requests with unknown JSON fields are refused"],
      ["operational", "unknown JSON fields are ignored"],
    ),
    stream: changed<string>(["breaking", "HTTP clients that ask for no framing get another one"], "LINES"),
    etag: changed(["operational", "replies to GET have an entity tag, or no longer"], false),
  },
};
