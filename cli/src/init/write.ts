import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Step } from "./plan.ts";

/**
 * Writes all files or none: when one cannot be written, what was there is there again, folders included. Fails with the name
 * of that file, and with what could not be restored, if that happens, too.
 */
export function writeAll(folder: string, steps: readonly Step[]): void {
  const undo: (() => void)[] = [];
  const backups: string[] = [];
  let at = folder;
  try {
    for (const step of steps) {
      if (step.action === "keep") continue;
      at = step.path;
      const path = resolve(join(folder, step.path));
      makeFolder(dirname(path), undo);
      if (step.before === undefined) create(path, step.text, undo);
      else backups.push(replace(path, step.before, step.text, undo));
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const lost = undo.reverse().flatMap(restore);
    const rest = lost.length === 0 ? "everything is as it was" : `could not be restored: ${lost.join(", ")}`;
    throw new Error(`${at} cannot be written (${code ?? message}); ${rest}`, { cause: error });
  }
  for (const backup of backups) rmSync(backup, { force: true });
}

function restore(undo: () => void): string[] {
  try {
    undo();
    return [];
  } catch (error) {
    return [(error as NodeJS.ErrnoException).path ?? String(error)];
  }
}

function makeFolder(path: string, undo: (() => void)[]): void {
  try {
    mkdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && statSync(path).isDirectory()) return;
    if (code !== "ENOENT" || dirname(path) === path) throw error;
    makeFolder(dirname(path), undo);
    mkdirSync(path);
  }
  undo.push(() => rmdirSync(path));
}

/** A file that has come since the preview is not overwritten. */
function create(path: string, text: string, undo: (() => void)[]): void {
  const file = openSync(path, "wx");
  undo.push(() => rmSync(path));
  try {
    writeFileSync(file, text);
  } finally {
    closeSync(file);
  }
}

/** Keeps the file aside until all are written, so that restoring it needs no space. Returns where. */
function replace(given: string, before: string, text: string, undo: (() => void)[]): string {
  const path = realpathSync(given);
  const { mode } = statSync(path);
  if (readFileSync(path, "utf8") !== before) throw new Error("changed since the preview");
  const backup = `${path}.before-init-${process.pid}`;
  renameSync(path, backup);
  undo.push(() => renameSync(backup, path));
  writeFileSync(path, text, { flag: "wx" });
  chmodSync(path, mode);
  return backup;
}
