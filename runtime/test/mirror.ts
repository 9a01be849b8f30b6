/** One script of a server, run against two clients: ours with its policy, grpc-js's with its own service config. */
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import { expect, onTestFinished } from "vitest";
import { createClient } from "../src/client.ts";
import { type Code, codeName, RpcError } from "../src/core/error.ts";
import type { Codec, MethodSpec, ServiceSpec } from "../src/core/spec.ts";
import { connect } from "../src/grpc/connect.ts";
import type { MethodPolicy } from "../src/policies/index.ts";
import { gate } from "./over-grpc.ts";

/** What the server does with one attempt. Without anything: it answers OK. */
export interface Turn {
  readonly code?: Code;
  /** Values of the trailer `grpc-retry-pushback-ms`. */
  readonly pushback?: readonly string[];
  /** Send response headers ahead of everything else. */
  readonly headers?: true;
  /** Messages of a stream. Default: 1, or none before a failure. */
  readonly messages?: number;
  /** Never answer; or answer when so many attempts have ended, and their ends had the time to arrive. */
  readonly hold?: true | { readonly untilEnded: number };
}

/** How a call went. */
export interface Account {
  readonly status: Code | "OK";
  /** What became of each attempt, as the server saw it. */
  readonly attempts: readonly ("answered" | "cancelled")[];
  /** Messages that the caller got. */
  readonly messages: number;
}

/** What both clients are told. */
export interface Setting {
  readonly kind?: "unary" | "serverStream";
  readonly timeoutMs?: number;
  /** Calls that are made one after the other, on the same script. Default: 1. */
  readonly calls?: number;
  readonly policy: MethodPolicy;
  /** The service config that says the same: a method config, and the throttling. */
  readonly methodConfig: object;
  readonly retryThrottling?: { readonly maxTokens: number; readonly tokenRatio: number };
}

const service = "mirror.v1.Mirror";
const paths = { unary: `/${service}/One`, serverStream: `/${service}/Many`, warm: `/${service}/Warm` };
const bytes = (value: Uint8Array): Buffer => Buffer.from(value);
const codec: Codec = { typeName: "mirror.v1.Message", encode: (value) => value as Buffer, decode: bytes };
const message = Buffer.from("mirror");

/** Plays the script to our client and to that of grpc-js, each with a server of its own. */
export async function mirror(script: readonly Turn[], setting: Setting): Promise<{ ours: Account; theirs: Account }> {
  return { ours: await play(script, setting, ourClient), theirs: await play(script, setting, theirClient) };
}

/** Makes one call; resolves with the messages and the code, whatever they are. */
type MakeCall = () => Promise<{ readonly status: Account["status"]; readonly messages: number }>;

async function play(
  script: readonly Turn[],
  setting: Setting,
  clientOf: (address: string, setting: Setting) => { warm: () => Promise<unknown>; call: MakeCall },
): Promise<Account> {
  const stage = await listen(script);
  const { warm, call } = clientOf(`127.0.0.1:${stage.port}`, setting);
  // Attempts must not be spent on connecting.
  await warm();
  let last = await call();
  for (let n = 1; n < (setting.calls ?? 1); n++) last = await call();
  await expect.poll(() => stage.ends.filter((end) => end === undefined)).toEqual([]);
  if (!setting.calls) expect(stage.previous).toEqual(stage.previous.map((_, n) => (n === 0 ? undefined : String(n))));
  return { ...last, attempts: stage.ends as Account["attempts"] };
}

/** A server that plays the script, one turn per attempt; the last turn repeats. */
async function listen(script: readonly Turn[]) {
  const ends: ("answered" | "cancelled" | undefined)[] = [];
  const previous: (string | undefined)[] = [];
  const endings = script.map(() => gate());
  let ended = 0;

  async function act(call: ServerUnaryCall<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>): Promise<Turn> {
    const n = ends.length;
    const turn = script[Math.min(n, script.length - 1)] as Turn;
    ends.push(undefined);
    previous.push(call.metadata.get("grpc-previous-rpc-attempts")[0] as string | undefined);
    const end = (how: "answered" | "cancelled") => {
      if (ends[n] !== undefined) return;
      ends[n] = how;
      endings[ended++]?.open();
    };
    const cancelled = new Promise<void>((resolve) => call.on("cancelled", resolve)).then(() => end("cancelled"));
    if (turn.headers) call.sendMetadata(new Metadata());
    if (turn.hold === true) await cancelled;
    else if (turn.hold) await Promise.race([cancelled, endings[turn.hold.untilEnded - 1]?.promise.then(moment)]);
    else if (turn.headers) await moment();
    end("answered");
    return turn;
  }

  const server = new Server();
  const unary = (
    call: ServerUnaryCall<Buffer, Buffer>,
    done: (error: Partial<StatusObject> | null, reply?: Buffer) => void,
  ) => void act(call).then((turn) => (turn.code ? done(failureOf(turn)) : done(null, message)));
  const many = async (call: ServerWritableStream<Buffer, Buffer>) => {
    const turn = await act(call);
    for (let n = 0; n < (turn.messages ?? (turn.code ? 0 : 1)); n++) call.write(message);
    if (turn.messages) await moment();
    if (turn.code) call.emit("error", failureOf(turn));
    else call.end();
  };
  server.register(paths.unary, unary as never, bytes, bytes, "unary");
  server.register(paths.serverStream, many as never, bytes, bytes, "serverStream");
  server.register(
    paths.warm,
    ((_: unknown, done: (error: null, reply: Buffer) => void) => done(null, message)) as never,
    bytes,
    bytes,
    "unary",
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
  onTestFinished(() => server.forceShutdown());
  return { port, ends, previous };
}

/** Long enough for what was sent to arrive. Nothing depends on how long that is exactly. */
const moment = () => new Promise<void>((resolve) => setTimeout(resolve, 30));

function failureOf({ code = "UNKNOWN", pushback = [] }: Turn): Partial<StatusObject> {
  const metadata = new Metadata();
  for (const value of pushback) metadata.add("grpc-retry-pushback-ms", value);
  return { code: status[code], details: "as the script says", metadata };
}

function ourClient(address: string, { kind = "unary", timeoutMs, policy }: Setting) {
  const target = connect(address);
  onTestFinished(() => target.close());
  const methodOf = (name: string, kind: MethodSpec["kind"], policy: MethodPolicy): MethodSpec => ({
    name,
    path: `/${service}/${name}`,
    kind,
    request: codec,
    reply: codec,
    policy,
    routes: [],
  });
  type Mirror = {
    warm(request: Buffer): Promise<Buffer>;
    one(request: Buffer, options: object): Promise<Buffer>;
    many(request: Buffer, options: object): AsyncIterable<Buffer>;
  };
  const spec: ServiceSpec<Mirror> = {
    name: service,
    descriptors: "",
    methods: {
      warm: methodOf("Warm", "unary", {}),
      one: methodOf("One", "unary", policy),
      many: methodOf("Many", "serverStream", policy),
    },
  };
  const client = createClient(spec, target);
  const call: MakeCall = async () => {
    let messages = 0;
    try {
      if (kind === "unary") messages = (await client.one(message, { timeoutMs })) ? 1 : 0;
      else for await (const _ of client.many(message, { timeoutMs })) messages++;
      return { status: "OK", messages };
    } catch (error) {
      if (error instanceof RpcError) return { status: error.code, messages };
      throw error;
    }
  };
  return { warm: () => client.warm(message), call };
}

function theirClient(address: string, { kind = "unary", timeoutMs, methodConfig, retryThrottling }: Setting) {
  const client = new Client(address, credentials.createInsecure(), {
    "grpc.service_config": JSON.stringify({
      methodConfig: [{ name: [{ service }], ...methodConfig }],
      ...(retryThrottling && { retryThrottling }),
    }),
    "grpc.service_config_disable_resolution": 1,
    "grpc.use_local_subchannel_pool": 1,
  });
  onTestFinished(() => client.close());
  const none = new Metadata();
  const options = () => (timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs });
  const unary = (path: string) =>
    new Promise<Buffer>((resolve, reject) =>
      client.makeUnaryRequest(path, bytes, bytes, message, none, options(), (error, reply) =>
        error ? reject(error) : resolve(reply as Buffer),
      ),
    );
  const call: MakeCall = async () => {
    let messages = 0;
    try {
      if (kind === "unary") messages = (await unary(paths.unary)) ? 1 : 0;
      else
        for await (const _ of client.makeServerStreamRequest(
          paths.serverStream,
          bytes,
          bytes,
          message,
          none,
          options(),
        ))
          messages++;
      return { status: "OK", messages };
    } catch (error) {
      return { status: codeName((error as ServiceError).code), messages };
    }
  };
  return { warm: () => unary(paths.warm), call };
}
