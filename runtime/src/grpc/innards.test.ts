/** What happens with a release of grpc-js whose private parts have changed. */
import { EventEmitter } from "node:events";
import { Server } from "@grpc/grpc-js";
import { expect, onTestFinished, test, vi } from "vitest";
import { start } from "../../test/serving.ts";
import { guardReplies, guardRequests, refuseForeign, shareStreams } from "./innards.ts";

const reader = { over: false, oversized: () => {}, malformed: () => {} };

/** Until the test ends, a server's parts are what `change` makes of them. */
function changed(change: (server: { http2Servers?: unknown }) => void): void {
  const original = Server.prototype.createConnectionInjector;
  const spy = vi.spyOn(Server.prototype, "createConnectionInjector").mockImplementation(function (
    this: Server,
    credentials,
  ) {
    const injector = original.call(this, credentials);
    change(this as never);
    return injector;
  });
  onTestFinished(() => spy.mockRestore());
}

const cannotShare =
  "this version of @grpc/grpc-js does not let gRPC share its port with HTTP: install @grpc/grpc-js@1.14.7, or use grpc and http, each with a port of its own, in place of listen";

test.each<[string, (server: { http2Servers?: unknown }) => void]>([
  ["its servers are elsewhere", (server) => delete server.http2Servers],
  [
    "they are no map",
    (server) => {
      server.http2Servers = {};
    },
  ],
  [
    "there is none",
    (server) => {
      server.http2Servers = new Map();
    },
  ],
  [
    "they emit something else",
    (server) => {
      server.http2Servers = new Map([[new EventEmitter(), {}]]);
    },
  ],
])("when %s, one port fails the start and says what works, and the port is free again", async (_, change) => {
  const first = await start({ listen: 0 });
  const { port } = first.http ?? { port: 0 };
  await first.stop({ force: true });
  changed(change);
  await expect(start({ listen: port })).rejects.toThrow(cannotShare);
  vi.restoreAllMocks();
  expect((await start({ listen: port })).http?.port).toBe(port);
});

test("without guards, messages are measured when they have been read", async () => {
  vi.resetModules();
  vi.doMock("./innards.ts", async (original) => ({
    ...(await original<typeof import("./innards.ts")>()),
    guardRequests: () => undefined,
    guardReplies: () => undefined,
  }));
  onTestFinished(() => {
    vi.doUnmock("./innards.ts");
    vi.resetModules();
  });
  const { overGrpc } = await import("../../test/over-grpc.ts");
  const { kitchen } = await overGrpc({}, { listen: { maxReceiveBytes: 1_000 }, connect: { maxReceiveBytes: 500 } });
  const ask = (bytes: number) => kitchen.getDish({ id: 7n, name: "x".repeat(bytes), withRecipe: false });
  expect(await ask(10)).toMatchObject({ id: 7n });
  await expect(ask(700)).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  await expect(ask(2_000)).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
});

test("guards say that they are none", () => {
  const strangers = [{}, { decoder: {} }, { decoder: { write() {}, maxReadMessageLength: "1", readState: 0 } }];
  for (const wire of strangers) expect(guardRequests(wire as never, 10, reader)).toBeUndefined();
  const calls = [{}, { child: {} }, { child: { underlyingCalls: [] } }, { child: { underlyingCalls: [{ call: {} }] } }];
  for (const wire of calls) expect(guardReplies(wire, 10, true, reader)).toBeUndefined();
  expect(() => refuseForeign({} as Server)).not.toThrow();
  expect(() => shareStreams({} as Server, () => {})).toThrow(cannotShare);
});
