import { createFileRegistry, type DescService, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { CallOptions, Target } from "@protomesh/runtime";
import { type Given, UsageError } from "./command.ts";
import { readDescriptorSet, readImage } from "./image.ts";
import { Reflection } from "./reflection.ts";

/** What there is to call, from files or from the server itself. */
export interface Schema {
  /** Who says so, for messages. */
  readonly name: string;
  /** Full names, sorted. */
  services(): Promise<string[]>;
  /** All that is known once a service or message is; undefined when there is none of that name. */
  load(name: string): Promise<FileRegistry | undefined>;
}

/** By `--descriptor`, `--input`, or the server's reflection. Throws a UsageError. */
export function schemaOf(given: Given, target: Target, options: CallOptions): Schema {
  const [descriptor, input] = [given.one("descriptor"), given.one("input")];
  if (descriptor !== undefined && input !== undefined)
    throw new UsageError("--descriptor and --input contradict each other: keep one");
  const from = descriptor ?? input;
  if (from === undefined) {
    const reflection = new Reflection(target, options);
    return {
      name: target.name,
      services: () => reflection.services(),
      load: (name) => reflection.load(name),
    };
  }
  const registry = registryOf(descriptor === undefined ? readImage(from) : readDescriptorSet(from), from);
  const services = [...registry].filter(({ kind }) => kind === "service").map(({ typeName }) => typeName);
  return { name: from, services: async () => services.sort(), load: async () => registry };
}

function registryOf(image: Uint8Array, called: string): FileRegistry {
  try {
    return createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
  } catch (cause) {
    throw new Error(
      `${called} is no descriptor set with all imports: write it by buf build -o image.binpb, or protoc --include_imports --descriptor_set_out`,
      { cause },
    );
  }
}

/** A service by its full name. Fails with the names that there are. */
export async function findService(
  schema: Schema,
  name: string,
): Promise<{ service: DescService; registry: FileRegistry }> {
  const registry = await schema.load(name);
  const service = registry?.getService(name);
  if (registry && service) return { service, registry };
  const names = (await schema.services()).join(", ") || "none";
  throw new Error(`${schema.name} has no service ${name}; it has: ${names}`);
}
