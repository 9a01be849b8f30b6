import { create, createFileRegistry, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { createClient } from "../client.ts";
import type { ServiceSpec } from "../core/spec.ts";
import { inProcess } from "../in-process.ts";
import { descriptorsOf } from "./descriptor-set.ts";
import { type ServerReflectionRequest, ServerReflectionRequestSchema } from "./gen/grpc/reflection/v1/reflection_pb.ts";
import { reflectionServices } from "./reflection.ts";
import { type ReflectionVersion, reflectionSpec } from "./reflection-spec.ts";

type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;

/** Asks on one stream. */
async function ask(
  questions: Question[],
  version: ReflectionVersion = "v1",
  services: readonly ServiceSpec[] = [Kitchen],
) {
  const client = createClient(reflectionSpec(version), inProcess(reflectionServices(services)));
  const answers = [];
  for await (const answer of client.serverReflectionInfo(requests(questions))) answers.push(answer.messageResponse);
  return answers;
}

async function* requests(questions: Question[]): AsyncGenerator<ServerReflectionRequest> {
  for (const messageRequest of questions) yield create(ServerReflectionRequestSchema, { messageRequest });
}

type Answer = Awaited<ReturnType<typeof ask>>[number] | undefined;

function filesOf(answer: Answer): FileDescriptorProto[] {
  if (answer?.case !== "fileDescriptorResponse") throw new Error(`not files but ${answer?.case}`);
  return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

const symbol = (value: string): Question => ({ case: "fileContainingSymbol", value });

test("lists the services, reflection itself included", async () => {
  const [answer] = await ask([{ case: "listServices", value: "" }]);
  expect(answer).toMatchObject({
    case: "listServicesResponse",
    value: {
      service: [
        { name: "test.kitchen.v1.Kitchen" },
        { name: "grpc.reflection.v1.ServerReflection" },
        { name: "grpc.reflection.v1alpha.ServerReflection" },
      ],
    },
  });
});

test("a symbol's file comes with everything needed to build it", async () => {
  const [answer] = await ask([symbol("test.kitchen.v1.Kitchen")]);
  const files = filesOf(answer);
  expect(files[0]?.name).toBe("kitchen/kitchen.proto");
  expect(files.map(({ name }) => name)).toContain("google/protobuf/timestamp.proto");

  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: files.reverse() }));
  expect(registry.getService("test.kitchen.v1.Kitchen")?.method.watchDishes?.methodKind).toBe("server_streaming");
});

test.each([
  "test.kitchen.v1.Kitchen.GetDish",
  "test.kitchen.v1.Dish",
  "test.kitchen.v1.Dish.name",
  "test.kitchen.v1.Dish.Ingredient",
  "test.kitchen.v1.Dish.Spice",
  "test.kitchen.v1.Dish.HOT",
  "test.kitchen.v1.AllKinds.either",
])("finds the file of %s", async (name) => {
  const [answer] = await ask([symbol(name)]);
  expect(filesOf(answer)[0]?.name).toBe("kitchen/kitchen.proto");
});

test("a file is found by its name, well-known ones too", async () => {
  const answers = await ask([
    { case: "fileByFilename", value: "kitchen/kitchen.proto" },
    { case: "fileByFilename", value: "google/protobuf/duration.proto" },
    symbol("google.protobuf.Any"),
  ]);
  expect(answers.map((answer) => filesOf(answer)[0]?.name)).toEqual([
    "kitchen/kitchen.proto",
    "google/protobuf/duration.proto",
    "google/protobuf/any.proto",
  ]);
});

test("a stream gets each import once, and the file it asks for always", async () => {
  const [first, second, third] = await ask([
    symbol("test.kitchen.v1.Dish"),
    symbol("test.kitchen.v1.Note"),
    symbol("google.protobuf.Timestamp"),
  ]);
  expect(filesOf(first).length).toBeGreaterThan(1);
  expect(filesOf(second).map(({ name }) => name)).toEqual(["kitchen/kitchen.proto"]);
  expect(filesOf(third).map(({ name }) => name)).toEqual(["google/protobuf/timestamp.proto"]);
});

test("extensions are found by message and number", async () => {
  const extension = (name: string, number: number) => ({ name, number, extendee: ".google.protobuf.MethodOptions" });
  const proto = create(FileDescriptorProtoSchema, {
    name: "acme/options.proto",
    package: "acme",
    extension: [extension("late", 50002), extension("early", 50001)],
    messageType: [{ name: "Scope", extension: [extension("nested", 50003)] }],
  });
  const acme = { ...Kitchen, name: "acme.Service", descriptors: descriptorsOf({ proto }) };
  const extensionOf = (extensionNumber: number): Question => ({
    case: "fileContainingExtension",
    value: { containingType: "google.protobuf.MethodOptions", extensionNumber },
  });

  const [top, nested, numbers, none, named] = await ask(
    [
      extensionOf(50001),
      extensionOf(50003),
      { case: "allExtensionNumbersOfType", value: "google.protobuf.MethodOptions" },
      { case: "allExtensionNumbersOfType", value: "test.kitchen.v1.Dish" },
      symbol("acme.Scope.nested"),
    ],
    "v1",
    [Kitchen, acme],
  );
  for (const answer of [top, nested, named]) expect(filesOf(answer)[0]?.name).toBe("acme/options.proto");
  expect(numbers).toMatchObject({ value: { extensionNumber: [50001, 50002, 50003] } });
  expect(none).toMatchObject({ value: { baseTypeName: "test.kitchen.v1.Dish", extensionNumber: [] } });
});

const unknown: readonly { question: Question; text: string }[] = [
  { question: symbol("no.Such"), text: 'no symbol "no.Such"' },
  { question: symbol(""), text: 'no symbol ""' },
  { question: { case: "fileByFilename", value: "no.proto" }, text: 'no file "no.proto"' },
  {
    question: {
      case: "fileContainingExtension",
      value: { containingType: "test.kitchen.v1.Dish", extensionNumber: 1 },
    },
    text: 'no extension 1 of "test.kitchen.v1.Dish"',
  },
  { question: { case: "allExtensionNumbersOfType", value: "no.Such" }, text: 'no message "no.Such"' },
];

test.each(unknown)("NOT_FOUND: $text", async ({ question, text }) => {
  const [answer, next] = await ask([question, { case: "listServices", value: "" }]);
  expect(answer).toMatchObject({ case: "errorResponse", value: { errorCode: 5, errorMessage: text } });
  expect(next?.case, "the stream goes on").toBe("listServicesResponse");
});

test("a question that is none gets INVALID_ARGUMENT", async () => {
  const [answer] = await ask([{ case: undefined }]);
  expect(answer).toMatchObject({ case: "errorResponse", value: { errorCode: 3 } });
});

test("v1alpha is served under its own names and describes itself", async () => {
  const [answer] = await ask([symbol("grpc.reflection.v1alpha.ServerReflection")], "v1alpha");
  const [file] = filesOf(answer);
  expect(file).toMatchObject({
    name: "grpc/reflection/v1alpha/reflection.proto",
    package: "grpc.reflection.v1alpha",
  });
  expect(file?.service[0]?.method[0]?.inputType).toBe(".grpc.reflection.v1alpha.ServerReflectionRequest");
});

test("v1 keeps its names", async () => {
  const [answer] = await ask([symbol("grpc.reflection.v1.ServerReflection")]);
  expect(filesOf(answer)[0]).toMatchObject({ name: "grpc/reflection/v1/reflection.proto" });
});
