import type { IncomingMessage } from "node:http";
import type { Readable, Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { badRequest } from "../errors.ts";
import { unsupported } from "./content-type.ts";

/** Source: RFC 9110, 8.4.1; RFC 7932. */
const decoders: ReadonlyMap<string, () => Transform> = new Map([
  ["gzip", () => createGunzip()],
  ["x-gzip", () => createGunzip()],
  ["deflate", () => createInflate()],
  ["br", () => createBrotliDecompress()],
]);

/** What a refusal offers instead. Source: RFC 9110, 12.5.3. */
const offered = { "accept-encoding": "gzip, br, deflate, identity" };

/** A request's body with its content encoding undone. Whoever opens it reads it to its end, or stops it. */
export interface OpenBody {
  readonly stream: Readable;
  /** What a failure of the stream means: a 400 for bytes that are not in the encoding, else the failure itself. */
  meaning(error: unknown): unknown;
  /** Lets go of the decoder, and lets what is left flow by unread, so that the connection can carry the answer. */
  stop(): void;
}

/**
 * Opens the body of a request. Nothing is decoded that nobody reads, so a reader that stops at its limit stops the flood
 * as well.
 *
 * Throws HttpError 415 for an encoding that is not known, and for several on top of each other, which would multiply.
 */
export function openBody(req: IncomingMessage): OpenBody {
  if (req.readableEnded || req.readableDidRead) {
    throw new Error(
      "the request's body was already read: mount the gateway before body parsers, such as express.json()",
    );
  }
  const header = req.headers["content-encoding"];
  if (header === undefined) return plain(req);
  const encodings = header.split(",").map((one) => one.trim().toLowerCase());
  const [encoding, another] = encodings.filter((one) => one !== "" && one !== "identity");
  if (encoding === undefined) return plain(req);
  if (another !== undefined) throw unsupported("the body has several content encodings: send it with one", offered);
  const decoder = decoders.get(encoding);
  if (!decoder)
    throw unsupported(
      "the body has a content encoding that is not known here: send gzip, br, deflate or none",
      offered,
    );
  return decoded(req, decoder(), encoding);
}

const plain = (req: IncomingMessage): OpenBody => ({
  stream: req,
  meaning: (error) => error,
  stop: () => void req.resume(),
});

function decoded(req: IncomingMessage, decoder: Transform, encoding: string): OpenBody {
  // Pipes do not pass failures on.
  const broken = (error: Error) => void decoder.destroy(error);
  req.on("error", broken).pipe(decoder);
  // A decoder may fail after its reader has left.
  decoder.on("error", () => {});
  return {
    stream: decoder,
    meaning: (error) =>
      error instanceof Error && "errno" in error && "code" in error && /^(?:Z_|ERR_)/.test(String(error.code))
        ? badRequest("", `the body is not whole ${encoding}, which its Content-Encoding says it is`, error)
        : error,
    stop() {
      req.off("error", broken).unpipe(decoder);
      decoder.destroy();
      req.resume();
    },
  };
}
