import {
  Client,
  type ClientOptions,
  credentials,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import { generate } from "../../test/compile.ts";

/** A proto file with one service. */
const proto = (service: string, name = "Shop") => `syntax = "proto3"; package acme; import "mesh/v1/options.proto";
service ${name} { ${service} }
message M { string a = 1; }`;

const method = (options: string, name = "Get", type = "M") =>
  `rpc ${name}(M) returns (${type}) { option idempotency_level = NO_SIDE_EFFECTS; option (mesh.v1.method) = { auth: { access: PUBLIC } ${options} }; }`;

function exported(service: string, parameter = "") {
  const { files, errors, warnings } = generate({ "a.proto": proto(service) }, `target=service-config,${parameter}`);
  expect(errors).toEqual([]);
  expect(Object.keys(files)).toEqual(["shop_service_config.json"]);
  return {
    config: JSON.parse(files["shop_service_config.json"] as string),
    losses: warnings
      .filter((line) => line.includes("[export/service-config]"))
      .map((line) =>
        line.replace(/^a\.proto:\d+:\d+: warning: \(mesh\.v1\.(?:method|service)\)\.(.*) \[export.*$/, "$1"),
      ),
  };
}

const retry =
  'timeout: { total: "1.5s" attempt: "500ms" } retry: { attempts: 3 on: [UNAVAILABLE, ABORTED] initial: "50ms" }';

test("retry, timeout and budget, in both dialects, and what they lose", () => {
  const { config, losses } = exported(method(retry));
  const policy = { maxAttempts: 3, backoffMultiplier: 2, retryableStatusCodes: ["UNAVAILABLE", "ABORTED"] };
  expect(config).toEqual({
    retryThrottling: { maxTokens: 100, tokenRatio: 0.2 },
    methodConfig: [
      {
        name: [{ service: "acme.Shop", method: "Get" }],
        timeout: "1.5s",
        retryPolicy: { ...policy, initialBackoff: "0.05s", maxBackoff: "0.5s" },
      },
    ],
  });
  expect(losses).toEqual(["timeout.attempt: a service config has no time for one attempt: only the call's is left"]);
  const [own] = exported(method(retry), "service_config=grpc-js").config.methodConfig;
  expect(own).toMatchObject({
    timeout: "1.500000000s",
    retryPolicy: { ...policy, initialBackoff: "0.050000000s", maxBackoff: "0.500000000s" },
  });
});

test("methods with the same policy share an entry, and those without any have none", () => {
  const total = 'timeout: { total: "2s" }';
  const { config } = exported(method(total) + method(total, "List") + method("", "Free", "stream M"));
  expect(config.methodConfig).toEqual([
    {
      name: [
        { service: "acme.Shop", method: "Get" },
        { service: "acme.Shop", method: "List" },
      ],
      timeout: "2s",
    },
  ]);
});

test("the time of the only attempt is the call's time", () => {
  const { config, losses } = exported(method('timeout: { total: "2s" attempt: "300ms" }'));
  expect(config.methodConfig[0].timeout).toBe("0.3s");
  expect(losses).toEqual([]);
});

test("hedging and sizes, and what @grpc/grpc-js makes of them", () => {
  const options =
    'hedge: { attempts: 2 delay: "80ms" } timeout: { total: "1s" } limits: { request_bytes: 1000 response_bytes: 2000000000 }';
  expect(exported(method(options)).config.methodConfig[0]).toMatchObject({
    hedgingPolicy: { maxAttempts: 2, hedgingDelay: "0.08s", nonFatalStatusCodes: ["UNAVAILABLE"] },
    maxRequestMessageBytes: 1000,
    maxResponseMessageBytes: 2_000_000_000,
  });
  const js = exported(method(options), "service_config=grpc-js");
  expect(js.config.methodConfig[0]).not.toHaveProperty("maxRequestMessageBytes");
  expect(js.losses).toEqual([
    expect.stringMatching(/^hedge: @grpc\/grpc-js hedges without regard to retryThrottling/),
    expect.stringMatching(/^limits: @grpc\/grpc-js does not obey sizes/),
  ]);
});

test("what clients of plain gRPC cannot do is a warning where it was asked for", () => {
  const { config, losses } = exported(
    method(`timeout: { total: "2s" idle: "1s" } circuit_breaker: {} cache: { ttl: "1s" } fallback: { json: "{}" }
      hedge: { attempts: 2 percentile: 90 } compression: { request: GZIP }`),
  );
  expect(config.methodConfig).toEqual([{ name: [{ service: "acme.Shop", method: "Get" }], timeout: "2s" }]);
  expect(losses.map((line) => line.split(":")[0])).toEqual([
    "cache",
    "circuit_breaker",
    "compression",
    "fallback",
    "hedge.percentile",
    "timeout.idle",
  ]);
});

test("a channel has one balancer, with one to fall back to, and a loss where methods differ", () => {
  const ring = 'balance: { picker: RING_HASH hash_by: "metadata:X-User" }';
  const { config, losses } = exported(method(ring) + method("balance: { picker: LEAST_REQUEST }", "List"));
  expect(config.loadBalancingConfig).toEqual([
    { ring_hash_experimental: { requestHashHeader: "x-user" } },
    { round_robin: {} },
  ]);
  expect(losses).toEqual(["balance: a channel has one balancer: it is that of Get, RING_HASH"]);
  const js = exported(method("balance: { picker: LEAST_REQUEST }"), "service_config=grpc-js");
  expect(js.config.loadBalancingConfig).toEqual([{ round_robin: {} }]);
  expect(js.losses).toEqual([
    "balance.picker: @grpc/grpc-js has no balancer for LEAST_REQUEST: addresses get calls in turn",
  ]);
  const field = exported(method('balance: { picker: RING_HASH hash_by: "field:a" }'));
  expect(field.config.loadBalancingConfig).toEqual([{ round_robin: {} }]);
});

test("services behind one address share a file, others have their own", () => {
  const { files } = generate(
    {
      "a.proto": proto(method('timeout: { total: "1s" }')),
      "b.proto": proto(method('timeout: { total: "1s" }'), "OrderBook").replaceAll("acme", "b"),
      "c.proto": proto(method('timeout: { total: "1s" }')).replaceAll("acme", "c"),
    },
    "target=service-config",
  );
  expect(Object.keys(files)).toEqual(["order-book_service_config.json", "shop_service_config.json"]);
  const { methodConfig } = JSON.parse(files["shop_service_config.json"] as string);
  expect(methodConfig[0].name.map(({ service }: { service: string }) => service)).toEqual(["acme.Shop", "c.Shop"]);
});

test("a dialect that is none is refused", () => {
  const { errors } = generate({ "a.proto": proto(method("")) }, "target=service-config,service_config=go");
  expect(errors).toEqual(["parameter service_config=go: use service_config=spec or service_config=grpc-js"]);
});

const bytes = (value: Buffer) => value;

/** A server that fails the first calls, and a client with the exported config. */
async function called(serviceConfig: object, failures: number, code = status.UNAVAILABLE) {
  let calls = 0;
  const server = new Server();
  server.addService(
    {
      get: {
        path: "/acme.Shop/Get",
        requestStream: false,
        responseStream: false,
        requestSerialize: bytes,
        requestDeserialize: bytes,
        responseSerialize: bytes,
        responseDeserialize: bytes,
      },
    },
    {
      get: (_: unknown, answer: (error: Partial<ServiceError> | null, reply?: Buffer) => void) =>
        ++calls > failures ? answer(null, Buffer.from("done")) : answer({ code, details: "not now" }),
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const options: ClientOptions = { "grpc.service_config": JSON.stringify(serviceConfig) };
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options);
  onTestFinished(() => {
    client.close();
    server.forceShutdown();
  });
  const outcome = await new Promise<string>((resolve) =>
    client.makeUnaryRequest("/acme.Shop/Get", bytes, bytes, Buffer.from("x"), (error, reply) =>
      resolve(error ? (status[error.code] as string) : String(reply)),
    ),
  );
  return { outcome, calls };
}

test("@grpc/grpc-js retries by the exported config, as often as it says, for the codes that it says", async () => {
  const { config } = exported(method(retry), "service_config=grpc-js");
  expect(await called(config, 2)).toEqual({ outcome: "done", calls: 3 });
  expect(await called(config, 3)).toEqual({ outcome: "UNAVAILABLE", calls: 3 });
  expect(await called(config, 1, status.INTERNAL)).toEqual({ outcome: "INTERNAL", calls: 1 });
});

test("@grpc/grpc-js accepts what every picker and hedging become", async () => {
  for (const picker of ["PICK_FIRST", "ROUND_ROBIN", "LEAST_REQUEST", "WEIGHTED"]) {
    const options = `balance: { picker: ${picker} } hedge: { attempts: 3 delay: "20s" } timeout: { total: "60s" }`;
    const { config } = exported(method(options), "service_config=grpc-js");
    expect(await called(config, 2)).toEqual({ outcome: "done", calls: 3 });
  }
});

test("a throttle lets a first failure be retried, however low the floor", () => {
  const none = `option (mesh.v1.service) = { retry: { budget: { floor_per_second: 0 } } };`;
  const { config } = exported(none + method(retry));
  expect(config.retryThrottling).toEqual({ maxTokens: 3, tokenRatio: 0.2 });
});
