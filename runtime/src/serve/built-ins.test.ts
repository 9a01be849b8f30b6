import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import { collect } from "../../test/over-grpc.ts";
import { start, targetOf } from "../../test/serving.ts";
import { createClient } from "../client.ts";
import { HealthCheckRequestSchema, HealthCheckResponseSchema } from "../services/gen/grpc/health/v1/health_pb.ts";
import {
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "../services/gen/grpc/reflection/v1/reflection_pb.ts";
import { Health } from "../services/health-spec.ts";
import { reflectionSpec } from "../services/reflection-spec.ts";
import type { RunningServer } from "./serve.ts";

/** A client that knows nothing of this project. */
function rawClient({ grpc }: RunningServer): Client {
  const client = new Client(`${grpc?.host}:${grpc?.port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  return client;
}

const checkBytes = (service: string) =>
  Buffer.from(toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service })));
const statusOf = (bytes: Buffer) => fromBinary(HealthCheckResponseSchema, bytes).status;
const asIs = (bytes: Buffer) => bytes;

test("grpc-js checks health", async () => {
  const client = rawClient(await start({ grpc: 0 }));
  const check = (service: string) =>
    new Promise<number>((resolve, reject) => {
      client.makeUnaryRequest("/grpc.health.v1.Health/Check", asIs, statusOf, checkBytes(service), (error, status) =>
        error ? reject(error) : resolve(status as number),
      );
    });
  expect(await check("")).toBe(1);
  expect(await check("test.kitchen.v1.Kitchen")).toBe(1);
  await expect(check("no.Such")).rejects.toMatchObject({ code: 5 });
});

test("grpc-js watches health until the server stops", async () => {
  const server = await start({ grpc: 0 });
  const call = rawClient(server).makeServerStreamRequest(
    "/grpc.health.v1.Health/Watch",
    asIs,
    statusOf,
    checkBytes("later"),
  );
  const seen: number[] = [];
  const ended = new Promise<ServiceError>((resolve) => call.on("error", resolve));
  const next = () => new Promise<void>((resolve) => call.once("data", (status) => resolve(void seen.push(status))));

  await next();
  for (const status of ["SERVING", "NOT_SERVING", "SERVING"] as const) {
    const told = next();
    server.health.set("later", status);
    server.health.set("other", status);
    await told;
  }
  const last = next();
  const stopped = server.stop();
  await last;
  expect(seen).toEqual([3, 1, 2, 1, 2]);
  expect((await ended).code).toBe(14);
  await stopped;
});

test("our own client checks and watches health", async () => {
  const server = await start({ grpc: 0 });
  const health = createClient(Health, targetOf(server));
  const request = create(HealthCheckRequestSchema, { service: "test.kitchen.v1.Kitchen" });
  expect((await health.check(request)).status).toBe(1);
  for await (const { status } of health.watch(request)) {
    expect(status).toBe(1);
    break;
  }
});

test("health can be left out", async () => {
  const health = createClient(Health, targetOf(await start({ grpc: 0, health: false })));
  await expect(health.check(create(HealthCheckRequestSchema))).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
});

async function* questions(...asked: ServerReflectionRequest["messageRequest"][]) {
  for (const messageRequest of asked) yield create(ServerReflectionRequestSchema, { messageRequest });
}

test.each(["v1", "v1alpha"] as const)("grpc-js reflects by %s", async (version) => {
  const client = rawClient(await start({ grpc: 0, reflection: true }));
  const call = client.makeBidiStreamRequest<ServerReflectionRequest, ServerReflectionResponse>(
    `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    (request) => Buffer.from(toBinary(ServerReflectionRequestSchema, request)),
    (bytes) => fromBinary(ServerReflectionResponseSchema, bytes),
  );
  const answers = collect<ServerReflectionResponse>(call);
  for await (const question of questions(
    { case: "listServices", value: "" },
    { case: "fileContainingSymbol", value: "test.kitchen.v1.Kitchen" },
  ))
    call.write(question);
  call.end();

  const [services, files] = await answers;
  expect(services?.messageResponse).toMatchObject({
    case: "listServicesResponse",
    value: {
      service: [
        { name: "test.kitchen.v1.Kitchen" },
        { name: "grpc.health.v1.Health" },
        { name: "grpc.reflection.v1.ServerReflection" },
        { name: "grpc.reflection.v1alpha.ServerReflection" },
      ],
    },
  });
  if (files?.messageResponse.case !== "fileDescriptorResponse") throw new Error("no files");
  const [file] = files.messageResponse.value.fileDescriptorProto;
  expect(fromBinary(FileDescriptorProtoSchema, file as Uint8Array).service[0]?.name).toBe("Kitchen");
});

test("reflection is off unless it is asked for", async () => {
  const reflection = createClient(reflectionSpec("v1"), targetOf(await start({ grpc: 0 })));
  const answers = collect(reflection.serverReflectionInfo(questions({ case: "listServices", value: "" })));
  await expect(answers).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
});

test("reflection for some only", async () => {
  const keys = { authenticate: () => undefined };
  const server = await start({ grpc: 0, reflection: { auth: { providers: ["keys"] } }, auth: { providers: { keys } } });
  const reflection = createClient(reflectionSpec("v1"), targetOf(server));
  const answers = collect(reflection.serverReflectionInfo(questions({ case: "listServices", value: "" })));
  await expect(answers).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
});
