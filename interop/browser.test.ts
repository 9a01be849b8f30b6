/** Streaming methods in a real browser. Needs Chromium; without it the tests are skipped, but never in CI. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gate } from "../runtime/test/over-grpc.ts";
import { overWebSocket } from "../runtime/test/over-websocket.ts";
import { chromiumProblem, launchChromium } from "./chromium.ts";

if (chromiumProblem) console.warn(`\n*** WebSockets in a browser are NOT tested: ${chromiumProblem} ***\n`);

test.runIf(chromiumProblem && process.env.CI)("CI has Chromium", () => {
  throw new Error(`${chromiumProblem}: CI must test WebSockets in a browser`);
});

const auth = { access: "AUTHENTICATED", providers: [], scopes: [], audiences: [] } as const;
const providers = {
  keys: {
    authenticate: ({ metadata }: { metadata: { get(key: string): string | undefined } }) =>
      metadata.get("authorization") === "Bearer to.ken/1="
        ? { subject: "ada", provider: "keys", scopes: [], audiences: [], claims: {} }
        : undefined,
  },
};

/** Runs in the page. Also the example of docs/gateway.md. */
function chat({ url, token }: { url: string; token: string }) {
  const encoded = btoa(token).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const socket = new WebSocket(`${url}/v1/chat`, ["mesh.v1+json", `bearer.${encoded}`]);
  const replies: string[] = [];
  socket.onopen = () => {
    socket.send(JSON.stringify({ m: { text: "hello" } }));
    socket.send(JSON.stringify({ end: true })); // There will be no more; replies may still come.
  };
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    if ("m" in frame) replies.push(frame.m.text);
    else if ("error" in frame) console.error(frame.error.message);
  };
  return new Promise<{ replies: string[]; code: number }>((resolve) => {
    socket.onclose = ({ code }) => resolve({ replies, code }); // 1000: OK, 4000 and more: the gRPC code
  });
}

describe.skipIf(chromiumProblem)("Chromium", () => {
  let browser: Browser;
  let pages: Server;
  beforeAll(async () => {
    browser = await launchChromium();
    pages = createServer((_request, response) => response.setHeader("content-type", "text/html").end("<p>a page"));
    await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    pages?.closeAllConnections();
    await new Promise((resolve) => pages?.close(resolve));
  });

  const origin = () => `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  const kitchen = (changes = {}, webSocket: object = { origins: [origin()] }) =>
    overWebSocket(changes, { policy: { chat: { auth } }, server: { auth: { providers } }, gateway: { webSocket } });

  async function onPage<T>(run: (page: Page) => Promise<T>): Promise<T> {
    const page = await browser.newPage();
    try {
      await page.goto(origin());
      return await run(page);
    } finally {
      await page.close();
    }
  }

  /** What happens to a WebSocket that sends these frames, one after each answer. */
  const talk = (page: Page, port: number, path: string, protocols: string[], frames: string[]) =>
    page.evaluate(
      ([url, names, texts]) =>
        new Promise<{ protocol: string; frames: string[]; code: number; reason: string; clean: boolean }>((resolve) => {
          const left = [...texts];
          const got: string[] = [];
          const socket = new WebSocket(url, names);
          const send = () => {
            const next = left.shift();
            if (next !== undefined) socket.send(next);
          };
          socket.onopen = send;
          socket.onmessage = ({ data }) => {
            got.push(data);
            send();
          };
          socket.onclose = ({ code, reason, wasClean }) =>
            resolve({ protocol: socket.protocol, frames: got, code, reason, clean: wasClean });
        }),
      [`ws://127.0.0.1:${port}${path}`, protocols, frames] as const,
    );

  const token = `bearer.${Buffer.from("to.ken/1=").toString("base64url")}`;

  test("talks to a bidi method with a token by subprotocol, half-closes, and sees why it ended", async () => {
    const { port } = await kitchen();
    const said = await onPage((page) =>
      talk(
        page,
        port,
        "/v1/chat",
        ["mesh.v1+json", token],
        ['{"m":{"text":"grüß"}}', '{"m":{"text":"☺"}}', '{"end":true}'],
      ),
    );
    expect(said).toEqual({
      protocol: "mesh.v1+json",
      frames: ['{"m":{"text":"grüß"}}', '{"m":{"text":"☺"}}'],
      code: 1000,
      reason: "",
      clean: true,
    });
  });

  test("runs the example of the documentation", async () => {
    const { port } = await kitchen();
    const said = await onPage((page) => page.evaluate(chat, { url: `ws://127.0.0.1:${port}`, token: "to.ken/1=" }));
    expect(said).toEqual({ replies: ["hello"], code: 1000 });
  });

  test("is told the code of a call that fails, and what a client of grpc-websocket-proxy is told", async () => {
    const { port } = await kitchen();
    const wrong = await onPage((page) => talk(page, port, "/v1/chat", ["mesh.v1+json", token], ['{"m":{"text":1}}']));
    expect(wrong).toMatchObject({ code: 4003, clean: true });
    expect(JSON.parse(wrong.frames[0] as string)).toMatchObject({ error: { code: 3 } });
    // That one's tokens are subprotocols as they are, so without characters that those cannot have.
    const plain = await overWebSocket({}, { gateway: { webSocket: { origins: [origin()] } } });
    const bare = await onPage((page) =>
      talk(page, plain.port, "/v1/posted?method=POST", ["Bearer", "to.ken"], ['{"text":"a"}', ""]),
    );
    expect(bare).toMatchObject({ protocol: "Bearer", frames: ['{"result":{"text":"a"}}'], code: 1000 });
  });

  test("does not get in without a token, from another origin, or with a subprotocol that nobody speaks", async () => {
    const { port } = await kitchen();
    const refused = { frames: [], code: 1006, clean: false };
    expect(await onPage((page) => talk(page, port, "/v1/chat", ["mesh.v1+json"], []))).toMatchObject(refused);
    expect(await onPage((page) => talk(page, port, "/v1/chat", ["other", token], []))).toMatchObject(refused);
    const sameHostOnly = await kitchen({}, {});
    expect(
      await onPage((page) => talk(page, sameHostOnly.port, "/v1/chat", ["mesh.v1+json", token], [])),
    ).toMatchObject(refused);
  });

  test("ends the call when its tab is closed", async () => {
    const begun = gate();
    const stopped = gate<string>();
    const { port, gateway } = await kitchen({
      async *chat(
        _notes: unknown,
        { cancellation }: { cancellation: { onCancel(run: (why: { code: string }) => void): void } },
      ) {
        cancellation.onCancel(({ code }) => stopped.open(code));
        begun.open();
        yield { text: "hello" };
        await new Promise(() => {});
      },
    });
    await onPage(async (page) => {
      await page.evaluate(
        ([url, names]) =>
          new Promise((resolve) => {
            const socket = new WebSocket(url, [...names]);
            socket.onmessage = resolve;
          }),
        [`ws://127.0.0.1:${port}/v1/chat`, ["mesh.v1+json", token]] as const,
      );
      await begun.promise;
    });
    expect(await stopped.promise).toBe("CANCELLED");
    await gateway.idle();
  });
});
