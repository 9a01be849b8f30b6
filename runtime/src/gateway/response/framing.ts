import { HttpError } from "../errors.ts";

/** How a stream of messages is written into one response body. Texts are JSON without line breaks. */
export interface Framing {
  readonly contentType: string;
  /** Written before the first message. */
  readonly open: string;
  /** One message; `first` when none came before it. */
  message(json: string, first: boolean): string;
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

/** Who gets what, by the media range that asks for it. */
const framings: ReadonlyMap<string, Framing> = new Map([
  ["*/*", lines],
  ["application/x-ndjson", ndjson],
  ["application/ndjson", ndjson],
  ["application/json", array],
  ["application/*", array],
]);

/** The framing that an Accept header prefers. Throws 406 when it names none of ours. Source: RFC 9110, 12.5.1. */
export function chooseFraming(accept: string | undefined): Framing {
  if (accept === undefined || accept.trim() === "") return lines;
  let best: Framing | undefined;
  let bestQuality = 0;
  for (const part of accept.split(",")) {
    const [range = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
    const weight = parameters.find((text) => text.startsWith("q="));
    const quality = weight === undefined ? 1 : Number(weight.slice(2));
    const framing = framings.get(range);
    if (framing && quality > bestQuality) {
      best = framing;
      bestQuality = quality;
    }
  }
  if (best) return best;
  throw new HttpError(
    406,
    "INVALID_ARGUMENT",
    "the method streams, and Accept asks for a form that it has not: ask for application/x-ndjson, application/json or */*",
  );
}
