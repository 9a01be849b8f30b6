import { expect, test } from "vitest";
import { Inbox } from "./inbox.ts";

/** An inbox, and how often it asked the wire. */
function inbox() {
  const asked = { pulls: 0, left: 0 };
  const box = new Inbox({ pull: () => (asked.pulls += 1), left: () => (asked.left += 1) });
  return { box, asked };
}

test("it asks for more only while few wait", async () => {
  const { box, asked } = inbox();

  for (let index = 0; index < 16; index++) box.push(index);
  expect(asked.pulls).toBe(15);

  await box.next();
  expect(asked.pulls).toBe(16);
});

test("what waits is read before the end, and before an error", async () => {
  const { box } = inbox();
  box.push(1);
  box.end(new Error("late"));

  expect(await box.next()).toEqual({ done: false, value: 1 });
  await expect(box.next()).rejects.toThrow("late");
  expect(await box.next()).toEqual({ done: true, value: undefined });
});

test("a failure drops what waits, even after the end", async () => {
  const { box } = inbox();
  box.push(1);
  box.end();
  box.fail(new Error("cancelled"));

  await expect(box.next()).rejects.toThrow("cancelled");
});

test("a reader that left hears of nothing any more, and the wire hears once that it left", async () => {
  const { box, asked } = inbox();
  const waiting = box.next();
  await box.return();
  box.push(1);
  box.fail(new Error("cancelled"));

  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(await box.next()).toEqual({ done: true, value: undefined });
  await box.return();
  expect(asked.left).toBe(1);
});
