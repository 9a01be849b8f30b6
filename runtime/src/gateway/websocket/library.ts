import { createRequire } from "node:module";

type Library = typeof import("ws");

/** The library, loaded where WebSockets are wanted. Throws an Error that says how to get it. `from`: where to look. */
export function loadWs(from: string = import.meta.url): Library {
  try {
    return createRequire(from)("ws") as Library;
  } catch (cause) {
    throw new Error("webSocket needs the package ws: run npm install ws", { cause });
  }
}
