import { createRequire } from "node:module";
import { RpcError } from "../../core/error.ts";

type Library = typeof import("ws");

/** The library, loaded where WebSockets are wanted. Throws an Error that says how to get it. `from`: where to look. */
export function loadWs(from: string = import.meta.url): Library {
  try {
    return createRequire(from)("ws") as Library;
  } catch (cause) {
    throw new Error("webSocket needs the package ws: run npm install ws", { cause });
  }
}

/** What a call ends with whose client did what the library refuses. */
export const brokenRules = (cause: Error): RpcError =>
  /^WS_ERR_UNSUPPORTED_(?:MESSAGE|DATA_PAYLOAD)_LENGTH$/.test(String((cause as NodeJS.ErrnoException).code))
    ? new RpcError("RESOURCE_EXHAUSTED", "the client sent a message that is too large", { cause })
    : new RpcError("CANCELLED", "the client broke the rules of WebSocket", { cause });
