import type { DescField } from "@bufbuild/protobuf";
import { JsonError } from "../../json/error.ts";
import { badRequest, type HttpError } from "../errors.ts";

/** Complaints may quote the caller's input; this keeps them short. */
const longestComplaint = 300;

/**
 * Does what reads a request, and turns what it has against the body into a 400 that names the field. `body` is the field
 * that the body is: what is wrong with that message as a whole is wrong with the body.
 */
export function readingBody<T>(read: () => T, body?: DescField): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof JsonError ? badBody(error, body) : error;
  }
}

function badBody(error: JsonError, body: DescField | undefined): HttpError {
  const isWhole = error.field === "" || (body?.fieldKind === "message" && error.field === body.name);
  const complaint = error.message.slice(0, longestComplaint);
  return badRequest(isWhole ? "" : error.field, isWhole ? `the body ${complaint}` : complaint, error);
}
