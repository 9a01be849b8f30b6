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

/** What a media type names. That of the lines is for clients that take everything, as arrays have it too. */
const named: readonly Framing[] = [array, ndjson, { ...ndjson, contentType: "application/ndjson" }, sse];

/**
 * The framing that an Accept header asks for; `preferred` is what the method has for clients that do not care.
 *
 * Of those that are wanted most: the one that is named most exactly, then the preferred one, then the one that is named
 * first. Throws 406 when none is acceptable. Source: RFC 9110, 12.5.1.
 */
export function chooseFraming(accept: string | undefined, preferred: keyof typeof defaults = "LINES"): Framing {
  const usual = defaults[preferred];
  if (accept === undefined || accept === "*/*" || accept.trim() === "") return usual;
  const ranges = new Map<string, Wanted>();
  for (const [place, { name, quality }] of choices(accept).entries()) {
    const precision = name === "*/*" ? 0 : name.endsWith("/*") ? 1 : 2;
    if (!ranges.has(name)) ranges.set(name, { quality, precision, place });
  }
  let best: { readonly framing: Framing; readonly wanted: Wanted } | undefined;
  for (const framing of usual === lines ? [lines, ...named] : [usual, ...named]) {
    const wanted = framing === lines ? ofLines(ranges) : rangeOf(framing, ranges);
    if (wanted && wanted.quality > 0 && (!best || compare(wanted, best.wanted, best.framing === usual) > 0))
      best = { framing, wanted };
  }
  if (best) return best.framing;
  throw new HttpError(
    406,
    "INVALID_ARGUMENT",
    "the method streams, and Accept asks for a form that it has not: ask for text/event-stream, application/x-ndjson, application/json or */*",
  );
}

/** A media range of an Accept header. */
interface Wanted {
  readonly quality: number;
  /** 2 for a media type, 1 for all of a kind, 0 for everything. */
  readonly precision: number;
  readonly place: number;
}

/** The most exact range that a framing falls under. */
const rangeOf = ({ contentType }: Framing, ranges: ReadonlyMap<string, Wanted>): Wanted | undefined =>
  ranges.get(contentType) ?? ranges.get(contentType.replace(/[^/]*$/, "*")) ?? ranges.get("*/*");

/** Lines are for who takes everything; who does not want JSON does not want them either. */
function ofLines(ranges: ReadonlyMap<string, Wanted>): Wanted | undefined {
  const everything = ranges.get("*/*");
  const json = rangeOf(lines, ranges);
  return everything && json && { ...everything, quality: Math.min(everything.quality, json.quality) };
}

/** Above 0 when `one` goes before `other`, which may be the usual framing. */
const compare = (one: Wanted, other: Wanted, usual: boolean): number =>
  one.quality - other.quality || one.precision - other.precision || (usual ? -1 : other.place - one.place);
