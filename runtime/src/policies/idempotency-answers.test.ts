import { expect, test } from "vitest";
import { Answers } from "./idempotency/answers.ts";

const answered = (bytes: number) => ({ path: "/t.T/Do", request: "r", answer: "x".repeat(bytes) });
const kept = (answers: Answers, keys: string, now: number) => [...keys].filter((key) => answers.get(key, now)).join("");

test("what was answered longest ago makes room, whichever window it has", () => {
  const answers = new Answers(5000);
  answers.set("a", answered(1000), 100_000, 0);
  answers.set("b", answered(1000), 50_000, 1);
  answers.set("c", answered(1000), 100_000, 2);
  expect(answers.bytes).toBeLessThanOrEqual(5000);
  answers.get("a", 3);
  expect(answers.set("d", answered(1000), 100_000, 3)).toMatchObject([{ until: 100_000 }]);
  expect(kept(answers, "abcd", 3)).toBe("bcd");
  expect(answers.set("e", answered(2000), 50_000, 4)).toHaveLength(2);
  expect(kept(answers, "abcde", 4)).toBe("de");
});

test("what is expired goes first, and nobody is told", () => {
  const answers = new Answers(5000);
  answers.set("a", answered(1000), 100_000, 0);
  answers.set("b", answered(1000), 10, 1);
  answers.set("c", answered(1000), 100_000, 2);
  expect(answers.set("d", answered(1000), 100_000, 20)).toEqual([]);
  expect(kept(answers, "abcd", 20)).toBe("acd");
  expect(answers.get("a", 99_999)).toBeDefined();
  expect(answers.get("a", 100_000)).toBeUndefined();
});

test("an answer that is too large is not kept, and costs no other its place", () => {
  const answers = new Answers(5000);
  answers.set("a", answered(1000), 1000, 0);
  expect(answers.set("b", answered(6000), 1000, 0)).toHaveLength(1);
  expect(kept(answers, "ab", 1)).toBe("a");
});

test("the bytes of answers that went are given back", () => {
  const answers = new Answers(5000);
  for (let n = 0; n < 1000; n++) {
    answers.set(`${n % 7}`, answered(n), n % 3 === 0 ? 5 : 50, n);
    expect(answers.bytes).toBeLessThanOrEqual(5000);
  }
  answers.set("last", answered(0), 5, 5000);
  expect(answers.bytes).toBeLessThan(1000);
});

test("failures count what they carry", () => {
  const answers = new Answers(1_000_000);
  const failure = {
    code: "NOT_FOUND",
    text: "x".repeat(1000),
    details: [{ type: "t", value: new Uint8Array(500) }],
    origin: undefined,
  } as const;
  answers.set("a", { path: "/t.T/Do", request: "r", answer: failure }, 1000, 0);
  expect(answers.bytes).toBeGreaterThan(2500);
});
