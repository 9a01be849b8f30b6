import { expect, test } from "vitest";
import { createKitchenClient } from "../../test/kitchen/kitchen_mesh.ts";
import { type KitchenMethods, overGrpc } from "../../test/over-grpc.ts";
import { RpcError } from "../core/error.ts";
import { Metadata } from "../core/metadata.ts";
import { ErrorInfo } from "../messages/details.ts";
import { detail, findDetail } from "../messages/status.ts";
import { connect } from "./connect.ts";

const soup = { name: "soup", id: 1n, withRecipe: false };

/** A kitchen in front of another one: what the inner one fails with, the outer one does not catch. */
async function behind(changes: Partial<KitchenMethods>) {
  const inner = await overGrpc(changes);
  const outer = await overGrpc({ getDish: (request, context) => inner.kitchen.getDish(request, context) });
  return { kitchen: outer.kitchen, errors: outer.errors, innerPort: inner.server.port };
}

test("a failure of a service behind travels on with code, text and details, and without its trailers", async () => {
  const { kitchen, errors } = await behind({
    getDish() {
      const metadata = new Metadata().set("x-internal-host", "db-7");
      const details = [detail(ErrorInfo, { reason: "SOLD_OUT", domain: "kitchen" })];
      throw new RpcError("FAILED_PRECONDITION", "no soup today", { details, metadata });
    },
  });
  let trailers: Metadata | undefined;
  const onTrailers = (got: Metadata) => {
    trailers = got;
  };
  const error = await kitchen.getDish(soup, { onTrailers }).catch((error: unknown) => error);

  expect(error).toMatchObject({ code: "FAILED_PRECONDITION", text: "no soup today", origin: "peer" });
  expect(findDetail(error as RpcError, ErrorInfo)?.reason).toBe("SOLD_OUT");
  expect(trailers?.has("x-internal-host")).toBe(false);
  expect(errors).toEqual([]);
});

test("a service behind that cannot be reached keeps its address to the log", async () => {
  const away = connect("127.0.0.1:1");
  const { kitchen, errors } = await overGrpc({ getDish: (request) => createKitchenClient(away).getDish(request) });
  const error = await kitchen.getDish(soup).catch((error: unknown) => error as RpcError);

  expect(error).toMatchObject({
    code: "UNAVAILABLE",
    text: expect.stringMatching(/GetDish cannot reach a service it needs, error [0-9a-f-]{36}$/),
  });
  expect((error as RpcError).text).not.toContain("127.0.0.1");
  expect(errors).toEqual([
    expect.objectContaining({ origin: "transport", text: expect.stringContaining("127.0.0.1:1") }),
  ]);
  await away.close();
});

test("a deadline that passes behind says so without addresses", async () => {
  const inner = await overGrpc({ getDish: () => new Promise(() => {}) });
  const { kitchen, errors } = await overGrpc({
    getDish: (request) => inner.kitchen.getDish(request, { timeoutMs: 20 }),
  });
  const error = await kitchen.getDish(soup).catch((error: unknown) => error as RpcError);
  expect(error).toMatchObject({
    code: "DEADLINE_EXCEEDED",
    text: expect.stringMatching(/GetDish got no answer in time from a service it needs$/),
  });
  expect(errors).toEqual([]);
});
