import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { RpcError } from "../src/core/error.ts";
import { createGateway, type GatewayOptions } from "../src/gateway/gateway.ts";
import { inProcess } from "../src/in-process.ts";
import type { RestOptions } from "../src/rest/index.ts";
import { implement } from "../src/server.ts";
import { Parcel } from "./depot/depot.ts";
import { Depot } from "./depot/depot_mesh.ts";
import { createDepotRestClient } from "./depot/depot_rest.ts";
import { Kitchen } from "./kitchen/kitchen_mesh.ts";
import { createKitchenRestClient } from "./kitchen/kitchen_rest.ts";
import { cook } from "./over-grpc.ts";

/** A depot whose answers tell what it was asked. */
export const keeper: Depot = {
  async find({ name, id, parts, states, labels }) {
    return Parcel.create({ name: name || `parcel ${id}`, parts, state: states[0] ?? 0, ...labels });
  },
  async put({ parcel, dryRun }) {
    return { parcel: parcel && { ...parcel, worth: dryRun ? 1 : 0 } };
  },
  async *follow({ depot, count, failAfter }) {
    for (let at = 1; at <= count; at++) {
      if (failAfter > 0 && at > failAfter) throw new RpcError("ABORTED", `after ${failAfter}`);
      yield Parcel.create({ depot, name: `parcel ${at}`, error: "no error at all" });
    }
  },
  async store(parcels) {
    let count = 0;
    let depot = "";
    for await (const parcel of parcels) {
      depot ||= parcel.depot;
      count++;
      if (parcel.error !== "") throw new RpcError("INVALID_ARGUMENT", parcel.error);
    }
    return { count, depot };
  },
  async *talk(parcels) {
    for await (const parcel of parcels) {
      if (parcel.error !== "") throw new RpcError("FAILED_PRECONDITION", parcel.error);
      yield parcel;
    }
  },
  async label({ id }) {
    return { contentType: "image/png", data: Buffer.from([0, 1, 255, Number(id)]), extensions: [] };
  },
  async scan({ name, picture }) {
    return { count: picture?.data.length ?? -1, depot: `${name} ${picture?.contentType}` };
  },
  async owner(request) {
    return request;
  },
  async when(request) {
    return request;
  },
  async count() {
    return { value: 1n };
  },
};

/** A depot and a kitchen behind a gateway on a real server, and clients of them. */
export async function overRest(
  changes: Partial<Depot> = {},
  options: RestOptions & { readonly gateway?: GatewayOptions; readonly kitchen?: Partial<Kitchen> } = {},
) {
  const { gateway: gatewayOptions, kitchen = {}, ...client } = options;
  const target = inProcess([
    implement(Depot, { ...keeper, ...changes }),
    implement(Kitchen, { ...cook, ...kitchen } as Kitchen),
  ]);
  const gateway = createGateway(
    [
      { spec: Depot, target },
      { spec: Kitchen, target },
    ],
    { onError: () => {}, webSocket: {}, ...gatewayOptions },
  );
  const server: Server = createServer(gateway).on("upgrade", gateway.upgrade);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    baseUrl,
    server,
    gateway,
    depot: createDepotRestClient({ baseUrl, ...client }),
    kitchen: createKitchenRestClient({ baseUrl, ...client }),
  };
}
