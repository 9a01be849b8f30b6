import { HttpError } from "../errors.ts";
import { choices } from "./accept.ts";

/** How a stream of messages is written into one response body. Texts are JSON without line breaks. */
export interface Framing {
  /** Of the response. Empty: the messages say it. */
  readonly contentType: string;
  /** Written before the first message. */
  readonly open: string;
  /** One message; `first` when none came before it; `id` by which a client can resume after it. */
  message(json: string, first: boolean, id?: string): string;
  /** A google.rpc.Status in place of the next message. Undefined: the connection is cut, as the body has no place for it. */
  error?(json: string): string;
  /** Written after the last message. */
  readonly close: string;
}

/** grpc-gateway's: each line is an object that has a result or an error. */
const lines: Framing = {
  contentType: "application/json",
  open: "",
  message: (json) => `{"result":${json}}\n`,
  error: (json) => `{"error":${json}}\n`,
  close: "",
};

/** Each line is a message; an error is a line of its own shape at the end. Source: the NDJSON specification. */
const ndjson: Framing = {
  contentType: "application/x-ndjson",
  open: "",
  message: (json) => `${json}\n`,
  error: (json) => `{"error":${json}}\n`,
  close: "",
};

/** One JSON array, for clients that read the body as one document. */
const array: Framing = {
  contentType: "application/json",
  open: "[",
  message: (json, first) => (first ? json : `,${json}`),
  close: "]",
};

/** Server-sent events, as EventSource reads them. Source: WHATWG HTML, 9.2.6. */
export const sse: Framing = {
  contentType: "text/event-stream",
  open: "",
  message: (json, _, id) => (id === undefined ? `data: ${json}\n\n` : `id: ${id}\ndata: ${json}\n\n`),
  error: (json) => `event: error\ndata: ${json}\n\n`,
  close: "",
};

/** The bytes of google.api.HttpBody messages one after the other: there is no place for anything else. */
export const rawBytes: Framing = { contentType: "", open: "", message: (json) => json, close: "" };

/** By the option `http.stream`. */
const defaults = { LINES: lines, SSE: sse, ARRAY: array } as const;

/** A media range, the framing that it asks for, and how exactly it does. */
const ranges: ReadonlyMap<string, { readonly framing: Framing; readonly precision: number }> = new Map([
  ["application/json", { framing: array, precision: 2 }],
  ["application/x-ndjson", { framing: ndjson, precision: 2 }],
  ["application/ndjson", { framing: { ...ndjson, contentType: "application/ndjson" }, precision: 2 }],
  ["text/event-stream", { framing: sse, precision: 2 }],
  ["application/*", { framing: array, precision: 1 }],
  ["text/*", { framing: sse, precision: 1 }],
]);

/**
 * The framing that an Accept header asks for; `preferred` is what the method has for clients that do not care.
 *
 * Of two that are wanted alike, the one that is named more exactly, then the preferred one, then the first. Throws 406
 * when none is acceptable. Source: RFC 9110, 12.5.1.
 */
export function chooseFraming(accept: string | undefined, preferred: keyof typeof defaults = "LINES"): Framing {
  const usual = defaults[preferred];
  if (accept === undefined || accept === "*/*" || accept.trim() === "") return usual;
  const wanted = choices(accept);
  const refused = new Set(wanted.filter(({ quality }) => quality === 0).map(({ name }) => name));
  let best: { readonly framing: Framing; readonly rank: number } | undefined;
  for (const { name, quality } of wanted) {
    for (const { framing, precision } of candidates(name, usual)) {
      // A range does not bring back what a more exact one has refused.
      if (quality === 0 || (precision < 2 && refused.has(framing.contentType))) continue;
      const rank = quality * 1000 + precision * 0.1 + (framing === usual ? 0.01 : 0);
      if (!best || rank > best.rank) best = { framing, rank };
    }
  }
  if (best) return best.framing;
  throw new HttpError(
    406,
    "INVALID_ARGUMENT",
    "the method streams, and Accept asks for a form that it has not: ask for text/event-stream, application/x-ndjson, application/json or */*",
  );
}

/** What a range may get, the best of it first. */
function candidates(
  range: string,
  usual: Framing,
): readonly { readonly framing: Framing; readonly precision: number }[] {
  if (range === "*/*") return [usual, ndjson, sse].map((framing) => ({ framing, precision: 0 }));
  const candidate = ranges.get(range);
  return candidate ? [candidate] : [];
}
