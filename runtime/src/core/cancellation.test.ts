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
