import { create, createFileRegistry, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import * as known from "@bufbuild/protobuf/wkt";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import {
  type CallOptions,
  createClient,
  RpcError,
  reflectionSpec,
  type ServerReflection,
  type Target,
} from "@protomesh/runtime";

type Request = Parameters<ServerReflection["serverReflectionInfo"]>[0] extends AsyncIterable<infer R> ? R : never;
type Question = Request["messageRequest"];
type Response = ReturnType<ServerReflection["serverReflectionInfo"]> extends AsyncIterable<infer R> ? R : never;
type Answer = Response["messageResponse"];

/** What a server says about what it serves, asked as it is needed. */
export class Reflection {
  readonly #target: Target;
  readonly #options: CallOptions;
  readonly #files = new Map<string, FileDescriptorProto>();
  /** v1, until a server knows only its predecessor. */
  #version: "v1" | "v1alpha" = "v1";

  constructor(target: Target, options: CallOptions) {
    this.#target = target;
    this.#options = options;
  }

  /** Full names of the services. Fails when the server has no reflection. */
  async services(): Promise<string[]> {
    const answer = await this.#ask({ case: "listServices", value: "" });
    return answer.case === "listServicesResponse" ? answer.value.service.map(({ name }) => name).sort() : [];
  }

  /** Everything that is known once this service, message or other symbol is; undefined when the server does not know it. */
  async load(symbol: string): Promise<FileRegistry | undefined> {
    const answer = await this.#ask({ case: "fileContainingSymbol", value: symbol });
    if (!this.#take(answer)) return undefined;
    for (const file of this.#files.values()) for (const name of file.dependency) await this.#import(name, file.name);
    const sorted = new Set<FileDescriptorProto>();
    for (const file of this.#files.values()) this.#sort(file, sorted);
    return createFileRegistry(create(FileDescriptorSetSchema, { file: [...sorted] }));
  }

  /** Servers may send a file with its imports or alone. */
  async #import(name: string, from: string): Promise<void> {
    if (this.#files.has(name)) return;
    const file = wellKnown.get(name);
    if (file) this.#files.set(name, file);
    else if (!this.#take(await this.#ask({ case: "fileByFilename", value: name })) || !this.#files.has(name))
      throw new Error(`${this.#target.name} does not describe ${name}, which ${from} imports: give --descriptor`);
  }

  #sort(file: FileDescriptorProto, into: Set<FileDescriptorProto>): void {
    if (into.has(file)) return;
    for (const name of file.dependency) this.#sort(this.#files.get(name) as FileDescriptorProto, into);
    into.add(file);
  }

  #take(answer: Answer): boolean {
    if (answer.case !== "fileDescriptorResponse") return false;
    for (const bytes of answer.value.fileDescriptorProto) {
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      if (!this.#files.has(file.name)) this.#files.set(file.name, file);
    }
    return true;
  }

  /** One question, one stream: servers answer in order, but not all of them answer a second one. */
  async #ask(messageRequest: Question): Promise<Answer> {
    const client = createClient(reflectionSpec(this.#version), this.#target);
    const question: Request = { $typeName: "grpc.reflection.v1.ServerReflectionRequest", host: "", messageRequest };
    try {
      for await (const { messageResponse } of client.serverReflectionInfo(only(question), this.#options))
        return messageResponse;
    } catch (error) {
      if (!(error instanceof RpcError && error.code === "UNIMPLEMENTED")) throw error;
      if (this.#version === "v1") {
        this.#version = "v1alpha";
        return this.#ask(messageRequest);
      }
      throw new Error(`${this.#target.name} has no reflection: give --descriptor or --input`, { cause: error });
    }
    throw new Error(`${this.#target.name} answers questions of reflection by nothing: give --descriptor or --input`);
  }
}

async function* only<T>(value: T): AsyncIterable<T> {
  yield value;
}

/** Files that some servers leave out, because everybody has them. */
const wellKnown: ReadonlyMap<string, FileDescriptorProto> = new Map(
  Object.values(known).flatMap((value): [string, FileDescriptorProto][] =>
    typeof value === "object" && "kind" in value && value.kind === "file" ? [[value.proto.name, value.proto]] : [],
  ),
);
