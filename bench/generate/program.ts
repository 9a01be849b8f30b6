import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { CodeGeneratorRequestSchema } from "@bufbuild/protobuf/wkt";
import { root } from "../../scripts/corpus/run.mjs";

/** What one run of a program took. */
export interface Cost {
  readonly ms: number;
  /** CPU time of all its threads. */
  readonly cpuMs: number;
  readonly peakBytes: number;
}

const hook = fileURLToPath(new URL("cost.cjs", import.meta.url));

/**
 * Runs a generator on the request of a file, as a compiler does. Each run gets a copy of the file with the parameter: encoded
 * messages add up when they follow each other. Fails when the generator does, and says how.
 */
export async function generate(name: string, request: string, parameter: string): Promise<Cost> {
  const input = `${request}.in`;
  const addition = toBinary(CodeGeneratorRequestSchema, create(CodeGeneratorRequestSchema, { parameter }));
  writeFileSync(input, Buffer.concat([readFileSync(request), addition]));
  try {
    return await runNode([join(root, "node_modules/.bin", name)], input);
  } finally {
    rmSync(input);
  }
}

/** Runs Node.js with these arguments, and a file as its input. What it prints goes nowhere; warnings and errors are kept for a failure. */
export async function runNode(args: readonly string[], input = "/dev/null"): Promise<Cost> {
  const file = openSync(input, "r");
  const start = performance.now();
  // ts-proto needs more than the default for large inputs; the others are not changed by it.
  const child = spawn(process.execPath, ["--max-old-space-size=16000", "--require", hook, ...args], {
    cwd: root,
    stdio: [file, "ignore", "pipe", "pipe"],
  });
  closeSync(file);
  const [said, report, status] = await Promise.all([
    text(child.stderr as NodeJS.ReadableStream),
    text(child.stdio[3] as NodeJS.ReadableStream),
    new Promise<number | null>((resolve, reject) => child.on("close", resolve).on("error", reject)),
  ]);
  const ms = performance.now() - start;
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}:\n${said.slice(0, 2000)}`);
  const { userCPUTime, systemCPUTime, maxRSS } = JSON.parse(report) as NodeJS.ResourceUsage;
  return { ms, cpuMs: (userCPUTime + systemCPUTime) / 1000, peakBytes: maxRSS * 1024 };
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
