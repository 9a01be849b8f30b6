import type { IncomingMessage } from "node:http";
import type busboy from "busboy";
import type { Cancellation } from "../../core/cancellation.ts";
import type { Body } from "../binding/body.ts";
import { maxParameters } from "../binding/query.ts";
import { badRequest } from "../errors.ts";
import { checkLength, tooLarge } from "./body.ts";
import { Bytes } from "./bytes.ts";
import { openBody } from "./inflate.ts";
import { BodyReader } from "./reader.ts";

type Busboy = typeof busboy;

/** What a form says: its one file, and its other parts as a query would say them. */
export interface Form {
  readonly file: Body;
  readonly query: string;
}

let parser: Promise<Busboy> | undefined;

/** Fails when the package is not there. */
function loadBusboy(): Promise<Busboy> {
  parser ??= import("busboy").then(
    (module) => module.default,
    (cause) => {
      parser = undefined;
      throw new Error("reading multipart/form-data needs the package busboy: run npm install busboy", { cause });
    },
  );
  return parser;
}

/**
 * Reads a body of multipart/form-data that has one file. Its size as a whole is limited; fails as `readBody` does, and with
 * 400 for a body that is no such form, and for one with no file, several files or too many other parts.
 * Source: RFC 7578.
 */
export async function readForm(req: IncomingMessage, maxBytes: number, cancellation: Cancellation): Promise<Form> {
  checkLength(req, maxBytes);
  const create = await loadBusboy();
  if (cancellation.reason) throw cancellation.reason;
  const reader = new BodyReader(openBody(req), cancellation);
  try {
    return await parse(create, req, reader, maxBytes);
  } finally {
    reader.stop();
  }
}

async function parse(create: Busboy, req: IncomingMessage, reader: BodyReader, maxBytes: number): Promise<Form> {
  let failure: unknown;
  const fail = (text: string, cause?: unknown) => {
    failure ??= badRequest("", text, cause);
  };
  const form = begin(create, req, maxBytes);
  const bytes = new Bytes();
  const parameters: string[] = [];
  let contentType: string | undefined;
  form.on("file", (_name, stream, { mimeType }) => {
    contentType = mimeType;
    stream.on("error", () => {}).on("data", (chunk: Buffer) => bytes.append(chunk));
  });
  form.on("field", (name, value) => {
    if (name === undefined) fail("a part of the form has no name");
    else parameters.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  });
  form.on("filesLimit", () => fail("the form has more than one file, and there is room for one"));
  for (const limit of ["fieldsLimit", "partsLimit"] as const)
    form.on(limit, () => fail(`the form has more than ${maxParameters} parts besides its file`));
  form.on("error", (error) => fail("the body is not multipart/form-data, which its Content-Type says it is", error));
  const closed = new Promise<void>((resolve) => form.once("close", resolve));

  let length = 0;
  for (let chunk = await reader.next(); chunk && !failure; chunk = await reader.next()) {
    length += chunk.length;
    if (length > maxBytes) failure = tooLarge(maxBytes);
    else form.write(chunk);
  }
  if (failure) form.destroy();
  else form.end();
  await closed;
  if (failure) throw failure;
  if (contentType === undefined) throw badRequest("", "the form has no file: one of its parts must have a file name");
  return { file: { kind: "raw", contentType, data: bytes.take() }, query: parameters.join("&") };
}

/** Throws HttpError 400 for a Content-Type without a boundary. */
function begin(create: Busboy, { headers }: IncomingMessage, maxBytes: number) {
  const limits = { files: 1, fields: maxParameters, parts: maxParameters + 1, fieldSize: maxBytes };
  try {
    return create({ headers, limits, defParamCharset: "utf8" });
  } catch (cause) {
    throw badRequest("content-type", "is not a multipart/form-data with a boundary", cause);
  }
}
