import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import {
  connect,
  createClient,
  implement,
  loadConfig,
  type MethodSpec,
  type ServiceSpec,
  serve,
} from "@protomesh/runtime";
import type { Backend } from "./backend.ts";
import { type Message, type Mirrored, made } from "./contract.ts";
import { startEnvoy } from "./envoy.ts";

/** One of the two that enforce the contract, in front of the backend. */
export interface Point {
  readonly backend: Backend;
  readonly token: Mirrored["token"];
  /** A call by plain gRPC, which retries nothing itself: the code, and the reply where there is one. */
  grpc(method: string, request: Message, headers?: { readonly [name: string]: string }): Promise<Outcome>;
  /** A call whose replies stream: the code, and how many came. */
  stream(method: string, request: Message): Promise<{ readonly code: string; readonly replies: number }>;
  /** A call by our own client, with the policies of the contract. */
  client(method: string, request: Message): Promise<Outcome>;
  /** A request by HTTP: the status, and the JSON where there is some. */
  http(method: string, path: string, options?: HttpOptions): Promise<HttpOutcome>;
  stop(): Promise<void>;
}

/** What a caller shows, and whom it trusts: PEM. */
export interface ClientTls {
  readonly ca: Buffer;
  readonly key: Buffer;
  readonly cert: Buffer;
}

export interface Outcome {
  readonly code: string;
  readonly reply?: Message;
}

export interface HttpOptions {
  readonly headers?: { readonly [name: string]: string };
  readonly body?: unknown;
}

export interface HttpOutcome {
  readonly status: number;
  readonly json?: unknown;
  readonly headers: Headers;
}

/** Our runtime: clients of the backend behind a server, as any service that calls another. */
export async function runtimePoint(mirrored: Mirrored, backend: Backend, tls?: ClientTls): Promise<Point> {
  const { serve: options } = await loadConfig({ file: mirrored.config, args: [], env: {}, watch: false });
  const target = connect(`127.0.0.1:${backend.port}`);
  const { listen: _, ...rest } = options;
  const server = await serve({
    ...rest,
    services: mirrored.specs.map((spec) => implement(spec, createClient(spec, target))),
    grpc: "127.0.0.1:0",
    http: "127.0.0.1:0",
    signals: false,
    drain: { limitMs: 100 },
  });
  return pointAt(
    mirrored,
    backend,
    server.grpc?.port as number,
    server.http?.port as number,
    async () => {
      await server.stop({ force: true });
      await target.close();
    },
    tls,
  );
}

/** Envoy with what was exported, in front of the same backend. */
export async function envoyPoint(mirrored: Mirrored, backend: Backend, port: number, tls?: ClientTls): Promise<Point> {
  const envoy = await startEnvoy(mirrored.envoy, port, tls);
  return pointAt(mirrored, backend, port, port, () => envoy.stop(), tls);
}

function pointAt(
  { specs, token }: Mirrored,
  backend: Backend,
  grpcPort: number,
  httpPort: number,
  stop: () => Promise<void>,
  tls?: ClientTls,
): Point {
  const channel = new Client(
    `127.0.0.1:${grpcPort}`,
    tls ? credentials.createSsl(tls.ca, tls.key, tls.cert) : credentials.createInsecure(),
    { "grpc.enable_retries": 0, ...(tls && { "grpc.ssl_target_name_override": "localhost" }) },
  );
  const target = connect(`127.0.0.1:${grpcPort}`);
  const clients = new Map<ServiceSpec, { [key: string]: (request: Message) => Promise<Message> }>();
  const find = (name: string): { readonly spec: ServiceSpec; readonly key: string; readonly method: MethodSpec } => {
    for (const spec of specs)
      for (const [key, method] of Object.entries(spec.methods)) if (method.name === name) return { spec, key, method };
    throw new Error(`the contract has no method ${name}`);
  };
  return {
    backend,
    token,
    grpc(name, request, headers = {}) {
      const { path, request: codec, reply } = find(name).method;
      const metadata = new Metadata();
      for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
      return new Promise((resolve) =>
        channel.makeUnaryRequest(
          path,
          (message: Message) => Buffer.from(codec.encode(made(codec.typeName, message))),
          (bytes) => plain(reply.decode(bytes) as Message),
          request,
          metadata,
          { deadline: Date.now() + 60_000 },
          (error, answer) =>
            resolve(error ? { code: status[error.code] as string } : { code: "OK", reply: answer as Message }),
        ),
      );
    },
    stream(name, request) {
      const { path, request: codec } = find(name).method;
      const encode = (message: Message) => Buffer.from(codec.encode(made(codec.typeName, message)));
      const call = channel.makeServerStreamRequest(path, encode, (bytes) => bytes, request, {
        deadline: Date.now() + 60_000,
      });
      let replies = 0;
      return new Promise((resolve) => {
        call.on("data", () => {
          replies += 1;
        });
        call.on("error", () => {});
        call.on("status", ({ code }) => resolve({ code: status[code] as string, replies }));
      });
    },
    async client(name, request) {
      const { spec, key, method } = find(name);
      const client = clients.get(spec) ?? (createClient(spec, target) as never);
      clients.set(spec, client);
      try {
        return {
          code: "OK",
          reply: plain(
            await (client[key] as (one: Message) => Promise<Message>)(
              made(method.request.typeName, request) as Message,
            ),
          ),
        };
      } catch (error) {
        return { code: (error as { code: string }).code };
      }
    },
    async http(method, path, { headers = {}, body } = {}) {
      const response = await fetch(`http://127.0.0.1:${httpPort}${path}`, {
        method,
        headers: { ...headers, ...(body !== undefined && { "content-type": "application/json" }) },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, ...parsed(text) };
    },
    async stop() {
      channel.close();
      await target.close();
      await stop();
    },
  };
}

const plain = ({ id = "", count = 0, text = "" }: Message): Message => ({ id, count, text });

function parsed(text: string): { readonly json?: unknown } {
  try {
    return { json: JSON.parse(text) };
  } catch {
    const lines = text.trim().split("\n");
    try {
      return lines.length > 1 ? { json: lines.map((line) => JSON.parse(line)) } : {};
    } catch {
      return {};
    }
  }
}
