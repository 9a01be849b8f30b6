/** Our client and server with those of grpc-go, both ways. Needs Go; without it the tests are skipped, but never in CI. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import {
  BadRequest,
  connect,
  ErrorInfo,
  findDetail,
  implement,
  type Metadata,
  RetryInfo,
  type RpcError,
  serve,
  type Target,
} from "@protomesh/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildGo } from "./build-go.mjs";
import { Echo } from "./gen/interop/v1/interop.js";
import { createInteropClient, Interop } from "./gen/interop/v1/interop_mesh.js";
import { came, interopService, sentMetadata } from "./service.ts";
import { goProblem } from "./toolchain.mjs";

const problem = goProblem();
if (problem) console.warn(`\n*** interop with grpc-go is NOT tested: ${problem} ***\n`);

test.runIf(problem && process.env.CI)("CI has Go", () => {
  throw new Error(`${problem}: CI must test interop with grpc-go`);
});

describe.skipIf(problem)("with grpc-go", () => {
  let binary: string;
  beforeAll(() => {
    binary = buildGo();
  }, 300_000);

  describe("a client of grpc-go at our server", () => {
    let seen: { readonly [name: string]: unknown };
    beforeAll(async () => {
      const server = await serve({
        services: [implement(Interop, interopService())],
        grpc: "127.0.0.1:0",
        signals: false,
        drain: { limitMs: 100 },
      });
      const client = spawn(binary, ["client", `127.0.0.1:${server.grpc?.port}`], { stdio: ["ignore", "pipe", "pipe"] });
      const [out, errors, [code]] = await Promise.all([
        text(client.stdout),
        text(client.stderr),
        once(client, "close"),
      ]);
      await server.stop({ force: true });
      if (code !== 0) throw new Error(`the client of grpc-go failed: ${errors}`);
      seen = JSON.parse(out);
    }, 60_000);

    const metadata = { text: "one, two", bytes: true };
    const failure = {
      code: "FailedPrecondition",
      text: "not yet: ☺ 100 %",
      field: "text",
      retryMs: 1500,
      reason: "NOT_YET interop v",
      trailer: "trailer",
    };
    test.each([
      ["unary", { text: "hello ☺", inTime: true, headers: metadata, trailers: metadata }],
      ["serverStream", { count: 50, headers: metadata, trailers: metadata }],
      ["clientStream", { text: "abc", count: 3 }],
      ["bidi", { texts: 20, last: "19", rest: 0 }],
      ["noDeadline", 0],
      ["compressed", { same: true, small: true }],
      ["large", true],
      ["tooLarge", { plain: "ResourceExhausted", compressed: "ResourceExhausted" }],
      ["failure", { ...failure, count: 0 }],
      ["failureAfterReplies", { ...failure, count: 40 }],
      ["deadline", { client: "DeadlineExceeded", server: "DEADLINE_EXCEEDED" }],
      ["cancelUnary", { client: "Canceled", server: "CANCELLED" }],
      ["cancelStream", { client: "Canceled", server: "CANCELLED" }],
    ])("%s", (name, expected) => {
      expect(seen[name]).toEqual(expected);
    });
  });

  describe("our client at a server of grpc-go", () => {
    let server: ChildProcess;
    let target: Target;
    let client: Interop;
    beforeAll(async () => {
      server = spawn(binary, ["server"], { stdio: ["pipe", "pipe", "inherit"] });
      const lines = createInterface({ input: server.stdout as NodeJS.ReadableStream });
      const [port] = (await once(lines, "line")) as [string];
      target = connect(`127.0.0.1:${port}`);
      client = createInteropClient(target);
    });
    afterAll(async () => {
      await target?.close();
      server?.stdin?.end();
      if (server?.exitCode === null) await once(server, "close");
    });

    const echo = (change: Partial<Echo> = {}) => Echo.create(change);
    async function* echoes(...texts: string[]) {
      for (const text of texts) yield echo({ text });
    }
    const back = { text: "one, two", bytes: true };

    /** The headers and trailers of a call, as it goes. */
    const listening = () => {
      const got: { headers?: Metadata; trailers?: Metadata } = {};
      const onHeaders = (headers: Metadata) => void Object.assign(got, { headers });
      const onTrailers = (trailers: Metadata) => void Object.assign(got, { trailers });
      return { got, options: { metadata: sentMetadata(), onHeaders, onTrailers } };
    };

    test("unary, with metadata both ways and a deadline that arrives", async () => {
      const { got, options } = listening();
      const reply = await client.unary(echo({ text: "hello ☺" }), { ...options, timeoutMs: 5000 });
      expect(reply.text).toBe("hello ☺");
      expect(reply.leftMs).toBeGreaterThan(3000);
      expect(reply.leftMs).toBeLessThanOrEqual(5000);
      expect([came(got.headers), came(got.trailers)]).toEqual([back, back]);
      expect((await client.unary(echo())).leftMs).toBe(0);
    });

    test("server stream, with metadata both ways", async () => {
      const { got, options } = listening();
      const counts: number[] = [];
      for await (const { count } of client.serverStream(echo({ text: "x", count: 50 }), options)) counts.push(count);
      expect(counts).toEqual(Array.from({ length: 50 }, (_, n) => n));
      expect([came(got.headers), came(got.trailers)]).toEqual([back, back]);
    });

    test("client stream", async () => {
      expect(await client.clientStream(echoes("a", "b", "c"))).toMatchObject({ text: "abc", count: 3 });
    });

    test("both streams, in turns", async () => {
      let read = () => {};
      async function* turns() {
        for (let n = 0; n < 20; n++) {
          const answered = new Promise<void>((resolve) => {
            read = resolve;
          });
          yield echo({ count: n });
          await answered;
        }
      }
      const counts: number[] = [];
      for await (const { count } of client.bidi(turns())) {
        counts.push(count);
        read();
      }
      expect(counts).toHaveLength(20);
    });

    test("compressed requests and replies", async () => {
      const text = "again and ".repeat(1000);
      const reply = await client.packed(echo({ text }));
      expect(reply.text).toBe(text);
      expect(reply.wireBytes).toBeGreaterThan(0);
      expect(reply.wireBytes).toBeLessThan(1000);
      // Below min_bytes.
      expect((await client.packed(echo({ text: "short" }))).wireBytes).toBe(7);
    });

    test("large messages, up to either side's limit", async () => {
      const payload = Buffer.alloc(5 * 1024 * 1024, "x");
      expect(Buffer.from((await client.unary(echo({ payload }))).payload).equals(payload)).toBe(true);
      // The server's own limit, 6 MiB.
      await expect(client.unary(echo({ payload: Buffer.alloc(7 * 1024 * 1024) }))).rejects.toMatchObject({
        code: "RESOURCE_EXHAUSTED",
        origin: "peer",
      });
      await expect(client.small(echo({ payload: Buffer.alloc(2000) }))).rejects.toMatchObject({
        code: "RESOURCE_EXHAUSTED",
        refusedBy: "limits",
      });
    });

    test.each([0, 40])("a failure with details, after %i replies", async (count) => {
      let got = 0;
      const read = async () => {
        for await (const _ of client.fail(echo({ count }))) got += 1;
      };
      const error = (await read().catch((error) => error)) as RpcError;
      expect(error).toMatchObject({ code: "FAILED_PRECONDITION", text: "not yet: ☺ 100 %" });
      expect(findDetail(error, BadRequest)?.fieldViolations[0]?.field).toBe("text");
      expect(findDetail(error, RetryInfo)?.retryDelay).toMatchObject({ seconds: 1n, nanos: 500_000_000 });
      expect(findDetail(error, ErrorInfo)).toMatchObject({
        reason: "NOT_YET",
        domain: "interop",
        metadata: { k: "v" },
      });
      expect(error.metadata?.get("t-text")).toBe("trailer");
      expect(got).toBe(count);
    });

    test("a deadline passes on both sides", async () => {
      const call = client.wait(echo({ text: "deadline" }), { timeoutMs: 100 });
      await expect(call).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
      expect((await client.ended(echo({ text: "deadline" }))).text).toMatch(/^(DeadlineExceeded|Canceled)$/);
    });

    test("a cancelled call ends at the server", async () => {
      const abort = new AbortController();
      setTimeout(() => abort.abort(), 100);
      const call = client.wait(echo({ text: "cancel" }), { signal: abort.signal });
      await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
      expect((await client.ended(echo({ text: "cancel" }))).text).toBe("Canceled");
    });

    test("a stream whose reader leaves ends at the server", async () => {
      async function* forever() {
        yield echo({ text: "leave" });
        await new Promise(() => {});
      }
      for await (const { text } of client.waitStream(forever())) {
        expect(text).toBe("leave");
        break;
      }
      expect((await client.ended(echo({ text: "leave" }))).text).toBe("Canceled");
    });
  });
});
