import { expect, test } from "vitest";
import { Cancellation } from "./cancellation.ts";
import { RpcError } from "./error.ts";

const gone = new RpcError("CANCELLED", "gone");

test("tells every listener once, with the first reason", () => {
  const cancellation = new Cancellation();
  const heard: unknown[] = [];
  cancellation.onCancel((reason) => heard.push(reason));

  cancellation.cancel(gone);
  cancellation.cancel(new RpcError("UNAVAILABLE", "later"));

  expect(heard).toEqual([gone]);
  expect(cancellation.reason).toBe(gone);
});

test("a listener that left is not told, and one that comes late is told at once", () => {
  const cancellation = new Cancellation();
  const heard: string[] = [];
  const leave = cancellation.onCancel(() => heard.push("left"));
  expect(cancellation.listening).toBe(1);
  leave();
  expect(cancellation.listening).toBe(0);

  cancellation.cancel(gone);
  cancellation.onCancel(() => heard.push("late"));

  expect(heard).toEqual(["late"]);
});

test("the signal tells the same, made before or after", () => {
  const before = new Cancellation();
  const signal = before.signal;
  expect(signal.aborted).toBe(false);
  before.cancel(gone);
  expect(signal.reason).toBe(gone);

  const after = new Cancellation();
  after.cancel(gone);
  expect(after.signal.reason).toBe(gone);
});

test("a listener that leaves while others are told is not told", () => {
  const cancellation = new Cancellation();
  const heard: string[] = [];
  cancellation.onCancel(() => leave());
  const leave = cancellation.onCancel(() => heard.push("left"));
  cancellation.cancel(gone);
  expect(heard).toEqual([]);
});

test("listeners are told in their order, each once, also when it came twice or others have left", () => {
  const cancellation = new Cancellation();
  const heard: string[] = [];
  const [a, b, c] = [() => heard.push("a"), () => heard.push("b"), () => heard.push("c")] as const;
  const leaveA = cancellation.onCancel(a);
  cancellation.onCancel(a);
  cancellation.onCancel(b);
  cancellation.onCancel(b);
  expect(cancellation.listening).toBe(2);
  leaveA();
  leaveA();
  cancellation.onCancel(c);
  cancellation.onCancel(a);
  expect(cancellation.listening).toBe(3);

  cancellation.cancel(gone);

  expect(heard).toEqual(["b", "c", "a"]);
  expect(cancellation.listening).toBe(0);
});

test("a listener that throws keeps nothing from the others, and its error is not swallowed", async () => {
  const cancellation = new Cancellation();
  const heard: string[] = [];
  const oops = new Error("oops");
  const { signal } = cancellation;
  cancellation.onCancel(() => {
    throw oops;
  });
  cancellation.onCancel(() => heard.push("told"));
  const others = process.rawListeners("uncaughtException") as NodeJS.UncaughtExceptionListener[];
  process.removeAllListeners("uncaughtException");
  const uncaught = new Promise((resolve) => process.once("uncaughtException", resolve));
  try {
    cancellation.cancel(gone);
    expect(heard).toEqual(["told"]);
    expect(signal.aborted).toBe(true);
    expect(await uncaught).toBe(oops);
  } finally {
    for (const other of others) process.on("uncaughtException", other);
  }
});
