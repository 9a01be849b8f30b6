import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { Random } from "./random.ts";
import { request } from "./requests.ts";
import { conversation, noise } from "./sockets.ts";

/** What to try. */
export interface Plan {
  /** How many requests are sent, at least. */
  readonly requests: number;
  readonly seed: number;
  /** Only this case, to see it again. */
  readonly only?: number | undefined;
  /** Told of the progress. */
  readonly onProgress?: (requests: number, heapBytes: number) => void;
}

/** What came of it. */
export interface Outcome {
  readonly requests: number;
  readonly cases: number;
  /** How many answers had each status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Megabytes: the heap after the first tenth and at the end, and the most memory the process ever had. */
  readonly memory: { readonly before: number; readonly after: number; readonly most: number };
  /** What must not happen, with how to see it again. */
  readonly failures: readonly string[];
}

/** What is sent over one connection. */
export interface Case {
  readonly bytes: Buffer;
  /** HTTP requests and WebSocket conversations in it, whole or not. */
  readonly requests: number;
  /** Where the bytes are cut into two packets; undefined: nowhere. */
  readonly cut: number | undefined;
  /** After how many bytes an answer is waited for: frames that come before it are refused. Undefined: not at all. */
  readonly waits: number | undefined;
  /** Leaves without waiting for an answer. */
  readonly leaves: boolean;
}

const workers = 96;
/** A connection on which nothing happens is closed from this side. How long that takes decides nothing but the speed. */
const idleMs = 60;
/** A connection that is still open so long after that hangs. */
const hangMs = 10_000;
const mostHeapGrowth = 48 * 2 ** 20;
const mostMemory = 1024 * 2 ** 20;

/** The case of a number: always the same for a seed. */
export function caseOf(seed: number, index: number): Case {
  const random = new Random(seed, index);
  const kind = random.next();
  let requests = 1;
  let bytes: Buffer;
  let waits: number | undefined;
  if (kind < 0.05) bytes = noise(random);
  else if (kind < 0.2) {
    const { head, bytes: all } = conversation(random);
    bytes = all;
    if (random.chance(0.9)) waits = head;
  } else {
    requests = 1 + random.below(10);
    bytes = Buffer.concat(Array.from({ length: requests }, (_, n) => request(random, n === requests - 1)));
  }
  if (random.chance(0.05)) bytes = bytes.subarray(0, random.below(bytes.length + 1));
  return {
    bytes,
    requests,
    cut: random.chance(0.3) ? random.below(bytes.length + 1) : undefined,
    waits,
    leaves: random.chance(0.05),
  };
}

/** Starts a server and sends it requests that are nearly right. Each must end in an answer or a closed connection. */
export async function fuzz({ requests, seed, only, onProgress }: Plan): Promise<Outcome> {
  const server = fork(fileURLToPath(new URL("./server.ts", import.meta.url)), [], {
    execArgv: ["--expose-gc", "--import", "tsx", "--conditions", "@protomesh/source"],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let said = "";
  server.stderr?.on("data", (chunk: Buffer) => (said = (said + chunk).slice(-4000)));
  const failures: string[] = [];
  const running = new Set<number>();
  const again = (index: number) => `npm run fuzz -- --seed ${seed} --case ${index}`;
  const fail = (text: string) => failures.push(text);
  let over = false;
  server.once("exit", (code, signal) => {
    if (!over)
      fail(`the server ended with ${code ?? signal}, while these ran:\n${[...running].map(again).join("\n")}\n${said}`);
  });
  server.on("message", (message: { readonly hidden?: string }) => {
    if (message.hidden !== undefined)
      fail(`the server hid a failure, while these ran: ${[...running].join(", ")} of seed ${seed}\n${message.hidden}`);
  });
  const [{ port }] = (await once(server, "message")) as [{ port: number }];

  const statuses = new Map<number, number>();
  let [sent, index, before, most] = [0, only ?? 0, 0, 0];
  const work = async () => {
    while (failures.length < 5 && !(only === undefined ? sent >= requests : index > only)) {
      const at = index++;
      const one = caseOf(seed, at);
      sent += one.requests;
      running.add(at);
      const problem = await send(port, one, statuses);
      running.delete(at);
      if (problem !== undefined) fail(`${problem}: ${again(at)}\n${shown(one.bytes)}`);
    }
  };
  const watch = async () => {
    for (let tenth = 1; tenth <= 10 && failures.length === 0; tenth++) {
      while (sent < (requests * tenth) / 10 && failures.length === 0)
        await new Promise((done) => setTimeout(done, 100));
      const { heapUsed, rss } = await memoryOf(server);
      if (tenth === 1) before = heapUsed;
      most = Math.max(most, rss);
      onProgress?.(sent, heapUsed);
    }
  };
  await Promise.all([
    ...Array.from({ length: only === undefined ? workers : 1 }, work),
    only === undefined ? watch() : undefined,
  ]);

  let after = 0;
  if (server.exitCode === null) {
    let rest = await memoryOf(server);
    // What the last requests left is let go of in turns of the event loop.
    for (let wait = 0; rest.sockets > 0 && wait < 50; wait++) {
      await new Promise((done) => setTimeout(done, 100));
      rest = await memoryOf(server);
    }
    after = rest.heapUsed;
    if (rest.sockets > 0) fail(`${rest.sockets} connections are open 5 seconds after the last client has left`);
    if (only === undefined && after - before > mostHeapGrowth)
      fail(`the heap has grown from ${before} to ${after} bytes in ${sent} requests of seed ${seed}`);
    if (most > mostMemory) fail(`the server took ${most} bytes of memory with seed ${seed}`);
  }
  over = true;
  server.kill();
  const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20);
  return {
    requests: sent,
    cases: index - (only ?? 0),
    statuses,
    memory: { before: megabytes(before), after: megabytes(after), most: megabytes(most) },
    failures,
  };
}

interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly sockets: number;
}

function memoryOf(server: ChildProcess): Promise<Memory> {
  return new Promise((resolve) => {
    const none = { rss: 0, heapUsed: 0, sockets: 0 };
    const done = (memory: Memory) => {
      server.off("message", listener).off("exit", ended);
      resolve(memory);
    };
    const listener = (message: Partial<Memory>) => {
      if (message.rss !== undefined) done({ ...none, ...message });
    };
    // A server that has ended answers nothing, and its end is a failure already.
    const ended = () => done(none);
    server.on("message", listener).once("exit", ended);
    if (server.exitCode === null) server.send("memory");
    else resolve(none);
  });
}

/** Sends a case and waits until the connection is over. Returns what went wrong. */
function send(
  port: number,
  { bytes, cut, waits, leaves }: Case,
  statuses: Map<number, number>,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let problem: string | undefined;
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const sendAll = (all: Buffer) => {
      if (socket.writableEnded) return;
      const at = cut === undefined ? all.length : cut % (all.length + 1);
      socket.write(all.subarray(0, at));
      if (at < all.length) setImmediate(() => void (!socket.writableEnded && socket.write(all.subarray(at))));
    };
    socket.on("data", (chunk) => void chunks.push(chunk));
    socket.on("end", () => void socket.end());
    socket.on("timeout", () => {
      if (!socket.writableEnded) {
        socket.end();
        socket.setTimeout(hangMs);
      } else {
        problem = "the connection hangs";
        socket.destroy();
      }
    });
    socket.on("connect", () => {
      socket.setTimeout(idleMs);
      if (waits === undefined) sendAll(bytes);
      else {
        socket.write(bytes.subarray(0, waits));
        socket.once("data", () => sendAll(bytes.subarray(waits)));
      }
      if (leaves) setImmediate(() => void socket.resetAndDestroy());
    });
    // A server that closes while it is written to resets the connection.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") problem = `the connection failed with ${error.code}`;
    });
    socket.on("close", () => resolve(problem ?? judge(Buffer.concat(chunks), statuses)));
  });
}

function judge(answer: Buffer, statuses: Map<number, number>): string | undefined {
  let worst: string | undefined;
  const text = answer.toString("latin1");
  for (const match of text.matchAll(/HTTP\/1\.1 (\d{3}) [^\r]*\r\n/g)) {
    const status = Number(match[1]);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (status === 500) worst ??= `an answer is ${text.slice(match.index, match.index + 500)}`;
  }
  return worst;
}

/** Bytes so that a terminal shows what they are. */
const shown = (bytes: Buffer) =>
  JSON.stringify(bytes.toString("latin1").slice(0, 800)) +
  (bytes.length > 800 ? ` and ${bytes.length - 800} more` : "");
