// Run by run.ts in a process of its own: serves everything by every door, and tells of its memory and of what it hid.
import { implement, RpcError, serve } from "@protomesh/runtime";
import { Parcel } from "../../runtime/test/depot/depot.ts";
import { Depot } from "../../runtime/test/depot/depot_mesh.ts";
import { Dish } from "../../runtime/test/kitchen/kitchen.ts";
import { Kitchen } from "../../runtime/test/kitchen/kitchen_mesh.ts";

const most = 20;
const kitchen: Kitchen = {
  getDish: async ({ name, id }) => Dish.create({ name, id }),
  createDish: async ({ dish }) => dish ?? Dish.create(),
  updateDish: async ({ dish }) => dish ?? Dish.create(),
  async *watchDishes({ count }) {
    for (let id = 1; id <= Math.min(count, most); id++) yield Dish.create({ id: BigInt(id) });
  },
  async uploadDishes(dishes) {
    let count = 0;
    for await (const _ of dishes) count++;
    return { count };
  },
  async *chat(notes) {
    yield* notes;
  },
  ping: async () => ({ seconds: 1n, nanos: 0 }),
  mirror: async (request) => request,
};
/** A Timestamp beyond what a Date can hold comes as an invalid Date, which ts-proto cannot send back. */
function sendable(parcel: Parcel): Parcel {
  try {
    Parcel.encode(parcel);
    return parcel;
  } catch (cause) {
    throw new RpcError("INVALID_ARGUMENT", "a time is none", { cause });
  }
}

const depot: Depot = {
  find: async ({ name }) => Parcel.create({ name }),
  put: async ({ parcel }) => ({ parcel: parcel && sendable(parcel) }),
  async *follow({ depot: name, count }) {
    for (let at = 0; at < Math.min(count, most); at++) yield Parcel.create({ depot: name });
  },
  async store(parcels) {
    let count = 0;
    for await (const _ of parcels) count++;
    return { count, depot: "" };
  },
  async *talk(parcels) {
    for await (const parcel of parcels) yield sendable(parcel);
  },
  label: async () => ({ contentType: "image/png", data: Buffer.from([1, 2]), extensions: [] }),
  scan: async ({ picture }) => ({ count: picture?.data.length ?? 0, depot: "" }),
  owner: async (request) => request,
  when: async (request) => request,
  count: async () => ({ value: 1n }),
};

const send = (message: unknown) => process.send?.(message);
const server = await serve({
  services: [implement(Kitchen, kitchen), implement(Depot, depot)],
  listen: { address: "127.0.0.1:0", connect: true },
  gateway: { webSocket: {}, cors: { origins: ["https://app.example"] } },
  signals: false,
  // A client that leaves in the middle of its body is no failure of the server.
  onError: (error) =>
    (error as NodeJS.ErrnoException)?.code !== "ECONNRESET" &&
    send({ hidden: String((error as RpcError)?.stack ?? error) }),
});

process.on("message", (question) => {
  if (question === "memory") {
    globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    const sockets = process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
    send({ rss, heapUsed, sockets });
  }
});
process.on("disconnect", () => process.exit(0));
send({ port: server.http?.port });
