import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Cancellation } from "../../core/cancellation.ts";
import { badRequest, HttpError } from "../errors.ts";

/** True when the request says that it has a body. Source: RFC 9112, 6. */
const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

/**
 * The JSON text that a request carries, "" when it has no body.
 *
 * Refuses media types other than JSON and content encodings with 415, more than `maxBytes` with 413 (before reading
 * when Content-Length tells) and text that is not UTF-8 with 400. Fails with the cancellation's reason when that
 * fires.
 */
export async function readBody(req: IncomingMessage, maxBytes: number, cancellation: Cancellation): Promise<string> {
  if (!hasBody(req)) return "";
  checkType(req);
  if (Number(req.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (req.readableEnded || req.readableDidRead) {
    throw new Error(
      "the request's body was already read: mount the gateway before body parsers, such as express.json()",
    );
  }
  const bytes = await collect(req, maxBytes, cancellation);
  if (!isUtf8(bytes)) throw badRequest("", "the body is not UTF-8");
  return bytes.toString();
}

function checkType({ headers }: IncomingMessage): void {
  const type = headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type !== "" && type !== "application/json" && !/^[^/\s]+\/[^/\s]+\+json$/.test(type)) {
    throw new HttpError(415, "INVALID_ARGUMENT", "the body has another media type than JSON: send application/json", {
      headers: { accept: "application/json" },
    });
  }
  const encoding = headers["content-encoding"]?.trim().toLowerCase() ?? "";
  if (encoding !== "" && encoding !== "identity") {
    throw new HttpError(415, "INVALID_ARGUMENT", "the body has a content encoding: send it without", {
      headers: { "accept-encoding": "identity" },
    });
  }
}

function collect(req: IncomingMessage, maxBytes: number, cancellation: Cancellation): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let leave: (() => void) | undefined;
    const settle = (run: () => void) => {
      req.off("data", onData).off("end", onEnd).off("error", fail);
      leave?.();
      run();
    };
    // The stream flows on without a reader, so the connection can carry the answer and the next request.
    const fail = (error: unknown) => settle(() => reject(error));
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBytes) fail(tooLarge(maxBytes));
      else chunks.push(chunk);
    };
    const onEnd = () => settle(() => resolve(Buffer.concat(chunks, length)));
    req.on("data", onData).on("end", onEnd).on("error", fail);
    leave = cancellation.onCancel(fail);
  });
}

const tooLarge = (maxBytes: number) =>
  new HttpError(413, "RESOURCE_EXHAUSTED", `the body is larger than the ${maxBytes} bytes that are allowed`);
