import { execFileSync } from "node:child_process";
import { constants, openSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { folderWith } from "../../test/config/files.ts";
import { FakeClock } from "../testing.ts";
import { Watcher } from "./watch.ts";

/** A watcher of a file in a folder that tells nothing of it, and what it says. */
function watched(file: string, seen: string) {
  const link = join(folderWith(), "mesh.yaml");
  symlinkSync(file, link);
  const clock = new FakeClock();
  const texts: string[] = [];
  const errors: Error[] = [];
  const watcher = new Watcher(link, {
    seen,
    clock,
    onText: async (text) => void texts.push(text),
    onError: (error) => void errors.push(error),
  });
  onTestFinished(() => watcher.close());
  return { clock, texts, errors, watcher };
}

test("a file is not read while it is being written, however long that takes", async () => {
  const file = join(folderWith({ "real.yaml": "start" }), "real.yaml");
  const { clock, texts, errors } = watched(file, "start");
  let text = "";
  for (let n = 0; n < 100; n++) {
    text += `line ${n}\n`;
    writeFileSync(file, text);
    await clock.advance(50);
  }
  expect(texts).toEqual([]);
  // The file system answers in its own time.
  while (texts.length === 0) await clock.advance(50);
  expect(texts).toEqual([text]);
  expect(errors).toEqual([]);
});

test("a pipe is not read twice: what it had to say was said", async () => {
  const file = join(folderWith(), "pipe");
  execFileSync("mkfifo", [file]);
  const { clock, texts, errors } = watched(file, "start");
  for (let n = 0; n < 100; n++) await clock.advance(50);
  // Nobody has it open for reading.
  expect(() => openSync(file, constants.O_WRONLY | constants.O_NONBLOCK)).toThrow("ENXIO");
  expect([...texts, ...errors]).toEqual([]);
});

test("closing leaves no timer, also while a look is under way", async () => {
  const file = join(folderWith({ "real.yaml": "start" }), "real.yaml");
  const { clock, texts, watcher } = watched(file, "start");
  writeFileSync(file, "next");
  for (let n = 0; n < 5; n++) await clock.advance(200);
  watcher.close();
  const before = texts.length;
  for (let n = 0; n < 20; n++) await clock.advance(200);
  expect(clock.pending).toBe(0);
  expect(texts).toHaveLength(before);
});
