import { isDeepStrictEqual } from "node:util";
import { keepCalling, type Slice } from "../slice.ts";
import { Connection, type HttpResponse, wireOf } from "./connection.ts";
import type { HttpRequest } from "./requests.ts";

/** So many connections are busy at once. */
const inFlight = 32;

/** Opens the connections that `load` uses. */
export const open = (port: number): Connection[] => Array.from({ length: inFlight }, () => new Connection(port));

/** Sends one request over and over, on all connections. */
export function load(connections: readonly Connection[], request: HttpRequest, ms: number): Promise<Slice> {
  const wire = wireOf(request);
  return keepCalling((done, chain) => connections[chain]?.send(wire, done), inFlight, ms);
}

/** Fails when the server answers anything but what it must. `wrong`: what it must refuse, if it looks at all. */
export async function verify(
  connection: Connection,
  requests: { readonly [name: string]: HttpRequest },
  wrong: HttpRequest | undefined,
): Promise<void> {
  for (const [name, request] of Object.entries(requests)) {
    const { status, body } = await send(connection, request);
    if (status !== 200 || !isDeepStrictEqual(JSON.parse(body.toString()), request.reply))
      throw new Error(`${name} is answered with ${status} ${body}\ninstead of 200 ${JSON.stringify(request.reply)}`);
  }
  if (!wrong) return;
  const { status } = await send(connection, wrong);
  if (status !== 400) throw new Error(`a wrong order is answered with ${status} instead of 400`);
}

const send = (connection: Connection, request: HttpRequest): Promise<HttpResponse> =>
  new Promise((resolve, reject) =>
    connection.send(wireOf(request), (error, reply) =>
      error === undefined ? resolve(reply as HttpResponse) : reject(error),
    ),
  );
