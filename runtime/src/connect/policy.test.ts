import { createHash } from "node:crypto";
import type { DescService } from "@bufbuild/protobuf";
import { Code, type ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { cook } from "../../test/over-grpc.ts";
import { withPolicy } from "../../test/over-http.ts";
import { kitchenWith, start, targetOf } from "../../test/serving.ts";
import { createClient as createKitchen } from "../client.ts";
import { RpcError } from "../core/error.ts";
import { connect } from "../grpc/connect.ts";
import { registryOf } from "../messages/descriptors.ts";
import { apiKeys } from "../policies/auth/api-keys.ts";
import { implement } from "../server.ts";

const desc = registryOf(Kitchen).getService(Kitchen.name) as DescService;
// biome-ignore lint/suspicious/noExplicitAny: the kitchen has no code of protobuf-es
type Any = any;
const clientOf = (transport: Transport): Any => createClient(desc as Any, transport);
const failure = (call: Promise<unknown>): Promise<ConnectError> => call.then(Promise.reject, (error) => error);

const transports = {
  "Connect by HTTP/1.1": (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  "Connect by HTTP/2": (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "2" }),
  "gRPC-Web by HTTP/1.1": (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
};

const keys = apiKeys({
  header: "x-key",
  keys: ["ada", "bob"].map((subject) => ({ subject, sha256: createHash("sha256").update(subject).digest("hex") })),
});
const limit = {
  name: "dishes",
  perSecond: 0.001,
  burst: 3,
  by: ["principal"],
  cost: "1",
  shared: false,
  failClosed: false,
  shadow: false,
  scope: "method",
} as const;

describe.each(Object.entries(transports))("%s", (_, transport) => {
  test("callers are known, or refused, as at the other doors, and have one limit at all of them", async () => {
    const auth = { access: "AUTHENTICATED", providers: [], scopes: [], audiences: [] } as const;
    const spec = withPolicy({ getDish: { auth, rateLimit: [limit] } });
    const object = {
      ...cook,
      getDish: async (_: unknown, { principal }: Any) => Dish.create({ name: principal.subject }),
    };
    const server = await start({
      services: [implement(spec, object as Any)],
      listen: { address: 0, connect: true },
      auth: { providers: { keys } },
    });
    const kitchen = clientOf(transport(server.http?.url ?? ""));
    const ask = (key: string) => kitchen.getDish({ id: 7n }, { headers: { "x-key": key } });
    const byRest = (key: string) => fetch(`${server.http?.url}/v1/dishes/7`, { headers: { "x-key": key } });
    const target = connect(`127.0.0.1:${server.grpc?.port}`);
    onTestFinished(() => target.close());
    const byGrpc = (key: string) =>
      createKitchen(Kitchen, target).getDish({ id: 7n, name: "", withRecipe: false }, { metadata: { "x-key": key } });

    expect((await failure(kitchen.getDish({ id: 7n }))).code).toBe(Code.Unauthenticated);
    expect((await failure(ask("eve"))).code).toBe(Code.Unauthenticated);
    expect(await ask("ada")).toMatchObject({ name: "ada" });
    expect((await byRest("ada")).status).toBe(200);
    expect(await byGrpc("ada")).toMatchObject({ name: "ada" });
    const refused = await failure(ask("ada"));
    expect(refused.code).toBe(Code.ResourceExhausted);
    expect(refused.details.map((detail) => (detail as Any).type)).toContain("google.rpc.RetryInfo");
    expect((await byRest("ada")).status).toBe(429);
    await expect(byGrpc("ada")).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    expect(await ask("bob")).toMatchObject({ name: "bob" });
  });

  test("calls of a service elsewhere are tried again as their policy says", async () => {
    let calls = 0;
    const backend = await start({
      grpc: 0,
      services: [
        kitchenWith({
          async getDish() {
            if (++calls === 1) throw new RpcError("UNAVAILABLE", "not yet");
            return Dish.create({ name: `at attempt ${calls}` });
          },
        }),
      ],
    });
    const retry = {
      attempts: 2,
      on: ["UNAVAILABLE"],
      initialMs: 1,
      maxMs: 1,
      multiplier: 1,
      jitter: "NONE",
      attemptTimeout: false,
      budget: { ratio: 1, minPerSecond: 10 },
    } as Any;
    const server = await start({
      listen: { address: 0, connect: true },
      forward: [{ spec: withPolicy({ getDish: { retry } }), target: targetOf(backend) }],
    });
    const kitchen = clientOf(transport(server.http?.url ?? ""));
    expect(await kitchen.getDish({ id: 7n })).toMatchObject({ name: "at attempt 2" });
  });
});
