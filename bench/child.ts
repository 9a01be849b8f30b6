import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What a child process can be asked, by name: the argument and the answer travel as JSON. */
export type Answers = { readonly [question: string]: (argument: never) => unknown };

/** A child process that answers questions, seen from its parent. */
export interface Child<A extends Answers> {
  ask<Q extends keyof A & string>(question: Q, ...argument: Parameters<A[Q]>): Promise<Awaited<ReturnType<A[Q]>>>;
  /** Tells the process to end. */
  stop(): void;
}

interface Question {
  readonly id: number;
  readonly question: string;
  readonly argument: never;
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Far beyond the longest slice: a child that takes this long hangs. */
const longestMs = 60_000;

/** Starts one of the programs that `build.ts` made. Its stderr and stdout are shown; `name` stands in errors. */
export function start<A extends Answers>(name: string, program: string, args: readonly string[]): Child<A> {
  const path = fileURLToPath(new URL(`./dist/${program}.js`, import.meta.url));
  const child: ChildProcess = fork(path, args, { execArgv: [], stdio: "inherit" });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let asked = 0;
  let ended: Error | undefined;
  child.on("message", ({ id, value, error }: Answer) => {
    const one = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) one?.resolve(value as never);
    else one?.reject(new Error(`${name}: ${error}`));
  });
  child.on("exit", (code, signal) => {
    ended = new Error(`${name}: the process ended with ${signal ?? `exit code ${code}`}`);
    for (const { reject } of waiting.values()) reject(ended);
  });
  return {
    ask: (question, ...[argument]) =>
      new Promise((resolve, reject) => {
        if (ended) return reject(ended);
        const id = ++asked;
        const late = () => reject(new Error(`${name}: no answer to ${question} within ${longestMs / 1000} s`));
        const timer = setTimeout(late, longestMs);
        waiting.set(id, {
          resolve(value) {
            clearTimeout(timer);
            resolve(value);
          },
          reject(error) {
            clearTimeout(timer);
            reject(error);
          },
        });
        child.send({ id, question, argument });
      }),
    stop: () => {
      if (child.connected) child.disconnect();
    },
  };
}

/** The child's side: answers the parent's questions until the parent is gone. */
export function answer(answers: Answers): void {
  process.on("message", async ({ id, question, argument }: Question) => {
    const reply = (message: Answer) => process.send?.(message);
    try {
      reply({ id, value: await answers[question]?.(argument) });
    } catch (error) {
      reply({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  process.on("disconnect", () => process.exit());
}

/** CPU time of this process so far, user and system, in microseconds. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
