import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";

/** The port of a server that was told to listen. */
export async function portOf(server: Server): Promise<number> {
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
