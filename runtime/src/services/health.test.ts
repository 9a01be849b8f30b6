import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { createClient } from "../client.ts";
import { inProcess } from "../in-process.ts";
import { HealthCheckRequestSchema, HealthListRequestSchema } from "./gen/grpc/health/v1/health_pb.ts";
import { HealthState, healthService, type ServingStatus } from "./health.ts";
import { Health } from "./health-spec.ts";

const names = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

function start(services = ["test.kitchen.v1.Kitchen"]) {
  const state = new HealthState(services);
  const client = createClient(Health, inProcess(healthService(state)));
  const ask = (service: string) => create(HealthCheckRequestSchema, { service });
  return {
    state,
    check: async (service: string) => names[(await client.check(ask(service))).status],
    list: () => client.list(create(HealthListRequestSchema)),
    watch(service: string, signal?: AbortSignal) {
      const stream = client.watch(ask(service), { signal })[Symbol.asyncIterator]();
      return {
        next: async () => {
          const { done, value } = await stream.next();
          return done ? "end" : names[value.status];
        },
        leave: () => stream.return?.(),
      };
    },
  };
}

test("the server and its services are SERVING from the start", async () => {
  const { check } = start();
  expect(await check("")).toBe("SERVING");
  expect(await check("test.kitchen.v1.Kitchen")).toBe("SERVING");
});

test("Check answers NOT_FOUND for an unknown name", async () => {
  const { check } = start();
  await expect(check("no.Such")).rejects.toMatchObject({ code: "NOT_FOUND", text: 'no service "no.Such" here' });
});

test("a service is set by name or by its description, and the whole stays as it is", async () => {
  const { check, state } = start();

  state.set(Kitchen, "NOT_SERVING");
  expect(await check("test.kitchen.v1.Kitchen")).toBe("NOT_SERVING");
  expect(await check("")).toBe("SERVING");

  state.set("ready", "UNKNOWN");
  expect(await check("ready")).toBe("UNKNOWN");
});

test("a status that does not exist is refused by name", () => {
  const { state } = start();
  expect(() => state.set("", "serving" as ServingStatus)).toThrow(
    '"serving" is not a health status: use SERVING, NOT_SERVING or UNKNOWN',
  );
});

test("List tells all names", async () => {
  const { list, state } = start();
  state.set("ready", "NOT_SERVING");
  const { statuses } = await list();
  expect(Object.fromEntries(Object.entries(statuses).map(([name, { status }]) => [name, names[status]]))).toEqual({
    "": "SERVING",
    "test.kitchen.v1.Kitchen": "SERVING",
    ready: "NOT_SERVING",
  });
});

test("List refuses when there are more than 100 names", async () => {
  const services = Array.from({ length: 99 }, (_, i) => `s${i}`);
  expect(Object.keys((await start(services).list()).statuses)).toHaveLength(100);
  await expect(start([...services, "one.more"]).list()).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
});

test("Watch answers at once, then tells changes only", async () => {
  const { state, watch } = start();
  const watcher = watch("");
  expect(await watcher.next()).toBe("SERVING");

  const next = watcher.next();
  state.set("", "SERVING");
  state.set("test.kitchen.v1.Kitchen", "NOT_SERVING");
  state.set("", "NOT_SERVING");
  expect(await next).toBe("NOT_SERVING");
  await watcher.leave();
});

test("Watch tells a slow reader the last status and nothing that is over", async () => {
  const { state, watch } = start();
  const watcher = watch("");
  expect(await watcher.next()).toBe("SERVING");
  state.set("", "NOT_SERVING");
  state.set("", "UNKNOWN");
  expect(await watcher.next()).toBe("UNKNOWN");
  await watcher.leave();
});

test("Watch of an unknown name is SERVICE_UNKNOWN until the name is set", async () => {
  const { state, watch } = start();
  const watcher = watch("later");
  expect(await watcher.next()).toBe("SERVICE_UNKNOWN");
  const next = watcher.next();
  state.set("later", "SERVING");
  expect(await next).toBe("SERVING");
  await watcher.leave();
});

test("a reader that leaves is forgotten, also while it waits", async () => {
  const { state, watch } = start();
  const aborter = new AbortController();
  const watcher = watch("", aborter.signal);
  await watcher.next();
  expect(state.listening).toBe(1);

  const waiting = watcher.next();
  aborter.abort();
  await expect(waiting).rejects.toMatchObject({ code: "CANCELLED" });
  expect(state.listening).toBe(0);

  const other = watch("");
  await other.next();
  await other.leave();
  expect(state.listening).toBe(0);
});

test("leaving makes everything NOT_SERVING for good, and tells it", async () => {
  const { check, state, watch } = start();
  const watcher = watch("test.kitchen.v1.Kitchen");
  await watcher.next();
  const next = watcher.next();

  state.leave();
  state.set("", "SERVING");
  state.set("new", "SERVING");

  expect(await next).toBe("NOT_SERVING");
  for (const name of ["", "test.kitchen.v1.Kitchen", "new"]) expect(await check(name)).toBe("NOT_SERVING");
  await watcher.leave();
});
