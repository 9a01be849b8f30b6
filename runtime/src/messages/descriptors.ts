import {
  createFileRegistry,
  type DescFile,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import {
  FileDescriptorSetSchema,
  file_google_protobuf_any,
  file_google_protobuf_api,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_type,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";
import { RpcError } from "../core/error.ts";
import type { Codec, ServiceSpec } from "../core/spec.ts";
import { type EsCodec, esCodec } from "./codec.ts";

/** The files that generated code leaves out of `ServiceSpec.descriptors`, by the name they are imported under. */
export const wellKnownFiles: ReadonlyMap<string, DescFile> = new Map(
  [
    file_google_protobuf_any,
    file_google_protobuf_api,
    file_google_protobuf_descriptor,
    file_google_protobuf_duration,
    file_google_protobuf_empty,
    file_google_protobuf_field_mask,
    file_google_protobuf_source_context,
    file_google_protobuf_struct,
    file_google_protobuf_timestamp,
    file_google_protobuf_type,
    file_google_protobuf_wrappers,
  ].map((file) => [`${file.name}.proto`, file]),
);

const registries = new WeakMap<ServiceSpec, FileRegistry>();

/**
 * Everything that a service's proto file declares and imports. Built at the first request for it.
 *
 * Throws when the embedded descriptors are incomplete, which only a damaged generated file can cause.
 */
export function registryOf(spec: ServiceSpec): FileRegistry {
  let registry = registries.get(spec);
  if (!registry) {
    registry = buildRegistry(spec);
    registries.set(spec, registry);
  }
  return registry;
}

function buildRegistry(spec: ServiceSpec): FileRegistry {
  try {
    const { file: files } = fromBinary(FileDescriptorSetSchema, base64Decode(spec.descriptors));
    const byName = new Map(files.map((file) => [file.name, file]));
    const known = new Map(wellKnownFiles);
    const registries: FileRegistry[] = [];
    // One by one, dependencies first: left to resolve imports of imports, protobuf-es misses a file that two others share.
    const load = (name: string) => {
      const file = byName.get(name);
      if (!file || known.has(name)) return;
      for (const dependency of file.dependency) load(dependency);
      const registry = createFileRegistry(file, (imported) => known.get(imported));
      known.set(name, registry.getFile(name) as DescFile);
      registries.push(registry);
    };
    for (const { name } of files) load(name);
    return createFileRegistry(...registries);
  } catch (cause) {
    throw new Error(`the descriptors of ${spec.name} are damaged: generate its code again`, { cause });
  }
}

/** The descriptor of a codec's message: its own, or by name from the service's registry. */
export function schemaOf(codec: Codec, registry: FileRegistry): DescMessage {
  const schema = "schema" in codec ? (codec as EsCodec<Message>).schema : registry.getMessage(codec.typeName);
  if (!schema) throw new Error(`no descriptor of ${codec.typeName} is embedded: generate the code again`);
  return schema;
}

/** A codec of the same bytes whose messages are protobuf-es messages. */
export const describedCodec = (codec: Codec, registry: FileRegistry): EsCodec<Message> =>
  "schema" in codec ? (codec as EsCodec<Message>) : esCodec(schemaOf(codec, registry));

/** Turns a codec's messages into protobuf-es messages, over their bytes unless they are that already. */
export function describe(codec: Codec, registry: FileRegistry): (message: unknown) => Message {
  if ("schema" in codec) return (message) => message as Message;
  const schema = schemaOf(codec, registry);
  return (message) => fromBinary(schema, codec.encode(message));
}

/**
 * The way back: turns protobuf-es messages into the codec's. Fails with INVALID_ARGUMENT when the codec cannot hold what
 * is in the message: ts-proto without `forceLong=bigint` has no room for 64-bit numbers above 2^53.
 */
export function undescribe(codec: Codec, registry: FileRegistry): (message: Message) => unknown {
  if ("schema" in codec) return (message) => message;
  const schema = schemaOf(codec, registry);
  return (message) => {
    const bytes = toBinary(schema, message);
    try {
      return codec.decode(bytes);
    } catch (cause) {
      const why = cause instanceof Error ? `: ${cause.message}` : "";
      throw new RpcError("INVALID_ARGUMENT", `this server cannot hold the ${codec.typeName} it was sent${why}`, {
        cause,
      });
    }
  };
}
