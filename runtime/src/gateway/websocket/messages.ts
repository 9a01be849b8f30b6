import type { IncomingHttpHeaders } from "node:http";
import { RpcError } from "../../core/error.ts";
import { badRequest } from "../errors.ts";
import type { Matched } from "../routing/router.ts";
import type { Incoming } from "./protocol.ts";

/**
 * Makes request messages of frames, in their order. The first one of a client stream also has what path, query and
 * headers say; of a call that takes one message, the only one.
 */
export function messageReader(
  { endpoint, segments, query }: Matched,
  headers: IncomingHttpHeaders,
): (frame: Incoming) => unknown {
  let first = true;
  return (frame) => {
    const isFirst = first;
    first = false;
    if (frame.kind === "json") {
      const { text } = frame;
      if (!endpoint.takesStream) return endpoint.bind(segments, query, { kind: "json", text }, headers);
      return isFirst ? endpoint.firstOf(segments, query, headers, { kind: "json", text }) : endpoint.readElement(text);
    }
    if (frame.kind === "bytes") {
      return isFirst ? endpoint.firstBytes(segments, headers, frame.data) : endpoint.readBytes(frame.data);
    }
    throw badRequest("", "the frame holds no message");
  };
}

/** What a client is told that sends no first message where the call needs one. */
export const noFirstMessage = (path: string): RpcError =>
  new RpcError("DEADLINE_EXCEEDED", `${path} takes a message, and none came`);
