import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Responses that wait behind the response to an earlier request of their connection. */
const queued = new WeakMap<Socket, Set<ServerResponse>>();

/**
 * Has a response emit "close" also when its connection ends while it is still behind another one: node:http tells only
 * the response that is being sent. Costs nothing for requests that were not pipelined.
 */
export function closeWithConnection({ httpVersionMajor, socket }: IncomingMessage, res: ServerResponse): void {
  if (res.socket || httpVersionMajor > 1 || !socket) return;
  let waiting = queued.get(socket);
  if (!waiting) {
    const all = new Set<ServerResponse>();
    queued.set(socket, all);
    socket.once("close", () => {
      for (const one of all) one.destroy().emit("close");
    });
    waiting = all;
  }
  if (waiting.has(res)) return;
  waiting.add(res);
  res.once("socket", () => waiting.delete(res));
}
