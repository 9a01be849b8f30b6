import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { ServiceSpec } from "@protomesh/runtime";
import { type Message, made } from "./contract.ts";

/** What the backend does with an attempt: answers, never answers, or fails. */
export type Step = "ok" | "hang" | keyof typeof status;

/** A server by plain grpc-js, without any policy, that does as it is told and counts. */
export interface Backend {
  readonly port: number;
  /** What it does with the attempts that have this id, in turn; the last step goes on. */
  does(id: string, ...steps: Step[]): void;
  /** How many attempts with this id came. */
  attempts(id: string): number;
  /** Done when so many attempts with this id have come. */
  came(id: string, attempts: number): Promise<void>;
  /** Answers what hangs. */
  release(id: string): void;
  stop(): void;
}

class Told {
  readonly attempts = new Map<string, number>();
  readonly steps = new Map<string, readonly Step[]>();
  readonly hanging = new Map<string, (() => void)[]>();
  readonly watchers = new Set<() => void>();

  next(id: string): Step {
    const count = (this.attempts.get(id) ?? 0) + 1;
    this.attempts.set(id, count);
    for (const watcher of this.watchers) watcher();
    const steps = this.steps.get(id) ?? ["ok"];
    return steps[Math.min(count, steps.length) - 1] as Step;
  }
}

export async function startBackend(specs: readonly ServiceSpec[]): Promise<Backend> {
  const told = new Told();
  const server = new Server();
  for (const spec of specs) server.addService(...serviceOf(spec, told));
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return {
    port,
    does: (id, ...steps) => void told.steps.set(id, steps),
    attempts: (id) => told.attempts.get(id) ?? 0,
    came: (id, attempts) =>
      new Promise((resolve) => {
        const look = () => {
          if ((told.attempts.get(id) ?? 0) < attempts) return;
          told.watchers.delete(look);
          resolve();
        };
        told.watchers.add(look);
        look();
      }),
    release(id) {
      for (const answer of told.hanging.get(id) ?? []) answer();
      told.hanging.delete(id);
    },
    stop: () => server.forceShutdown(),
  };
}

function serviceOf(spec: ServiceSpec, told: Told): [ServiceDefinition, UntypedServiceImplementation] {
  const methods = Object.entries(spec.methods);
  const definition = methods.map(([key, { path, kind, request, reply }]) => [
    key,
    {
      path,
      requestStream: false,
      responseStream: kind === "serverStream",
      requestSerialize: Buffer.from,
      requestDeserialize: (bytes: Buffer) => request.decode(bytes),
      responseSerialize: (message: Message) => Buffer.from(reply.encode(made(reply.typeName, message))),
      responseDeserialize: (bytes: Buffer) => bytes,
    },
  ]);
  const handlers = methods.map(([key, { kind }]) => [key, kind === "serverStream" ? streaming(told) : unary(told)]);
  return [Object.fromEntries(definition), Object.fromEntries(handlers)];
}

const replyTo = ({ id, count, text }: Message): Message => ({ id: id ?? "", count: count ?? 0, text: text ?? "" });

const unary =
  (told: Told): handleUnaryCall<Message, Message> =>
  ({ request }, answer) => {
    const { id = "" } = request;
    const step = told.next(id);
    if (step === "ok") answer(null, replyTo(request));
    else if (step === "hang")
      told.hanging.set(id, [...(told.hanging.get(id) ?? []), () => answer(null, replyTo(request))]);
    else answer({ code: status[step], details: "as told", metadata: new Metadata() });
  };

const streaming =
  (told: Told): handleServerStreamingCall<Message, Message> =>
  (call) => {
    const { request } = call;
    const step = told.next(request.id ?? "");
    for (let count = 0; count < (request.count ?? 0); count++) call.write(replyTo({ ...request, count }));
    if (step === "ok") call.end();
  };
