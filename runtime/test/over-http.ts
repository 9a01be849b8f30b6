import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { type AddressInfo, connect as connectSocket, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import type { ServiceSpec } from "../src/core/spec.ts";
import { createGateway, type Gateway, type GatewayOptions } from "../src/gateway/gateway.ts";
import { inProcess } from "../src/in-process.ts";
import type { MethodPolicy } from "../src/policies/index.ts";
import { implement } from "../src/server.ts";
import { Kitchen } from "./kitchen/kitchen_mesh.ts";
import { cook, type KitchenMethods, overGrpc } from "./over-grpc.ts";

/** What a test may choose. */
export interface OverHttp {
  /** Where the implementation is. Default: in this process. */
  readonly through?: "in-process" | "grpc";
  readonly gateway?: GatewayOptions;
  /** Added to the policy of methods. */
  readonly policy?: { readonly [K in keyof Kitchen]?: MethodPolicy };
}

/** A kitchen behind a gateway on a real server. */
export interface HttpKitchen {
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  readonly gateway: Gateway;
  /** What the gateway kept from its callers. */
  readonly errors: unknown[];
  /** What the implementation's server kept from its callers. */
  readonly serverErrors: unknown[];
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** Sends JSON: an object is printed, a string is sent as it is. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
}

/** The kitchen's service with more policy. */
export const withPolicy = (policy: NonNullable<OverHttp["policy"]>): ServiceSpec<Kitchen> => ({
  ...Kitchen,
  methods: Object.fromEntries(
    Object.entries(Kitchen.methods).map(([key, method]) => [
      key,
      { ...method, policy: { ...method.policy, ...policy[key as keyof Kitchen] } },
    ]),
  ),
});

export async function overHttp(changes: Partial<KitchenMethods> = {}, options: OverHttp = {}): Promise<HttpKitchen> {
  const errors: unknown[] = [];
  const serverErrors: unknown[] = [];
  const spec = withPolicy(options.policy ?? {});
  const target =
    options.through === "grpc"
      ? (await overGrpc(changes)).target
      : inProcess(implement(spec, { ...cook, ...changes } as Kitchen), {
          onError: (error) => void serverErrors.push(error),
        });
  const gateway = createGateway([{ spec, target }], {
    onError: (error) => void errors.push(error),
    ...options.gateway,
  });
  const { url, port, server } = await listen(gateway);
  return {
    url,
    port,
    server,
    gateway,
    errors,
    serverErrors,
    get: (path, headers = {}) => fetch(url + path, { headers }),
    post: (path, body, headers = {}) =>
      fetch(url + path, {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
        headers: { "content-type": "application/json", ...headers },
      }),
  };
}

/** A server on a free port, closed when the test is over. */
export async function listen(handler: RequestListener): Promise<{ url: string; port: number; server: Server }> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, server };
}

/** Sends exactly these bytes and reads until the server closes the connection; `Connection: close` makes it. */
export async function raw(port: number, request: string | Buffer): Promise<string> {
  const socket = await open(port);
  socket.write(request);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** A bare request line with the headers it needs. Returns the status and the body. */
export async function rawGet(port: number, target: string, method = "GET"): Promise<{ status: number; body: string }> {
  const response = await raw(port, `${method} ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
  const [head = "", body = ""] = response.split("\r\n\r\n", 2);
  return { status: Number(head.split(" ", 2)[1]), body };
}

/** A connection that is up. */
export async function open(port: number): Promise<Socket> {
  const socket = connectSocket(port, "127.0.0.1");
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** The whole body of a response that node:http received. */
export async function text(response: IncomingMessage): Promise<string> {
  let all = "";
  for await (const chunk of response.setEncoding("utf8")) all += chunk;
  return all;
}
