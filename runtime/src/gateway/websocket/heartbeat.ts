import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { Clock } from "../../core/clock.ts";

/** So many pings may stay unanswered. */
const mostMissed = 2;

/**
 * Pings a client, and finds out when nothing comes from it any more: neither answers nor anything else. A connection that
 * is paused is not read, so nothing can be learned from it. Returns how to stop.
 */
export function heartbeat(ws: WebSocket, socket: Socket, everyMs: number, clock: Clock, dead: () => void): () => void {
  if (everyMs === Number.POSITIVE_INFINITY) return () => {};
  let read = socket.bytesRead;
  let missed = 0;
  let pinged = false;
  const beat = () => {
    if (ws.isPaused || socket.bytesRead !== read) missed = 0;
    else if (pinged) missed += 1;
    read = socket.bytesRead;
    if (missed >= mostMissed) {
      dead();
      return;
    }
    pinged = !ws.isPaused;
    if (ws.readyState === ws.OPEN) ws.ping();
    stop = clock.schedule(everyMs, beat);
  };
  let stop = clock.schedule(everyMs, beat);
  return () => stop();
}

/**
 * Answers the pings of a client, one at a time: when an answer has left, the last ping since then gets the next one. So one
 * that sends pings and reads nothing leaves nothing lying here. Source: RFC 6455, 5.5.3.
 */
export function answerPings(ws: WebSocket): void {
  let isAnswering = false;
  let last: Buffer | undefined;
  const answer = (data: Buffer) => {
    isAnswering = true;
    ws.pong(data, undefined, () => {
      isAnswering = false;
      const next = last;
      last = undefined;
      if (next && ws.readyState === ws.OPEN) answer(next);
    });
  };
  ws.on("ping", (data) => {
    if (isAnswering) last = data;
    else if (ws.readyState === ws.OPEN) answer(data);
  });
}
