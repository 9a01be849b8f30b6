import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join, resolve } from "node:path";

/** How every command that reads proto files describes its operand. */
export const inputOperand = {
  name: "input",
  text: "a folder that buf builds, a descriptor set (.binpb), or what else buf build takes; default: this folder",
  optional: true,
} as const;

const binary = new Set([".binpb", ".bin", ".pb", ".desc", ".protoset"]);

/** Whether an input is a file that is read as it is. */
export const isDescriptorSet = (input: string): boolean => binary.has(extname(input));

/**
 * An encoded `google.protobuf.FileDescriptorSet` with source information: a file as it is, anything else as `buf build` makes
 * it in `folder`, by the buf of `project`. Of a folder, what npm has put there is only imported. Fails with what buf prints.
 */
export function readImage(input: string, folder = process.cwd(), project = folder): Uint8Array {
  if (isDescriptorSet(input)) return readDescriptorSet(input, folder);
  const installed = join(input, "node_modules");
  const without = existsSync(resolve(folder, installed)) ? ["--exclude-path", installed] : [];
  return runBuf(["build", input, ...without, "--output", "-#format=binpb"], folder, project);
}

/** What a buf command writes to stdout. Fails with what it prints to stderr. */
export function runBuf(args: readonly string[], folder: string, project: string): Uint8Array {
  const [command, ...before] = findBuf(project);
  const { status, signal, stdout, stderr, error } = spawnSync(command as string, [...before, ...args], {
    cwd: folder,
    maxBuffer: 1 << 30,
  });
  if (error) throw new Error(`buf cannot be run (${(error as NodeJS.ErrnoException).code})`, { cause: error });
  if (status !== 0) {
    const why = signal === null ? String(stderr).trimEnd() : `ended by ${signal}`;
    throw new Error(`buf ${args.slice(0, 2).join(" ")} failed:\n${why}`);
  }
  return stdout;
}

/** A file with a descriptor set. */
export function readDescriptorSet(file: string, folder = process.cwd()): Uint8Array {
  try {
    return readFileSync(resolve(folder, file));
  } catch (cause) {
    throw new Error(`${file}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
}

/** The command line of the project's own buf, or of the one on PATH. Fails when there is none. */
export function findBuf(folder: string): string[] {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const manifest = join(at, "node_modules/@bufbuild/buf/package.json");
    if (existsSync(manifest)) {
      const { bin } = createRequire(manifest)(manifest) as { bin: { buf: string } };
      return [process.execPath, join(dirname(manifest), bin.buf)];
    }
    if (dirname(at) === at) break;
  }
  const onPath = (process.env.PATH ?? "")
    .split(process.platform === "win32" ? ";" : ":")
    .map((entry) => join(entry, process.platform === "win32" ? "buf.exe" : "buf"))
    .find((file) => existsSync(file) && statSync(file).isFile());
  if (onPath !== undefined) return [onPath];
  throw new Error(
    "buf is not here: npm install --save-dev @bufbuild/buf, or give a descriptor set: protoc --include_imports --include_source_info --descriptor_set_out=image.binpb",
  );
}
