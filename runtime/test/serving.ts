import { once } from "node:events";
import { type Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { onTestFinished } from "vitest";
import { connect } from "../src/grpc/connect.ts";
import type { ServeOptions } from "../src/serve/options.ts";
import { type RunningServer, serve } from "../src/serve/serve.ts";
import { implement } from "../src/server.ts";
import { createKitchenClient, Kitchen } from "./kitchen/kitchen_mesh.ts";
import { cook, type KitchenMethods } from "./over-grpc.ts";

/** A kitchen with the methods that a test replaces. */
export const kitchenWith = (changes: Partial<KitchenMethods> = {}) =>
  implement(Kitchen, { ...cook, ...changes } as Kitchen);

/** Serves until the test ends. Default: a kitchen, no signals. */
export async function start(options: ServeOptions): Promise<RunningServer> {
  const server = await serve({
    ...(options.services || options.forward ? {} : { services: [kitchenWith()] }),
    signals: false,
    ...options,
  });
  onTestFinished(() => server.stop({ force: true }));
  return server;
}

/** The gRPC door of a server as a target, until the test ends. */
export function targetOf({ grpc }: RunningServer) {
  const target = connect(`${grpc?.host}:${grpc?.port}`);
  onTestFinished(() => target.close());
  return target;
}

export const kitchenOf = (server: RunningServer): Kitchen => createKitchenClient(targetOf(server));

/** A GET by node:http, whose connections a test can hold on to, read to its end. */
export async function get(url: string, agent?: Agent): Promise<{ response: IncomingMessage; body: string }> {
  const request = httpRequest(url, { agent }).end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.setEncoding("utf8");
  let body = "";
  for await (const chunk of response) body += chunk;
  return { response, body };
}
