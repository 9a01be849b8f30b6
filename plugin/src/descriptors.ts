import { createRegistry, type DescFile, type Message, type Registry, toBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { Request } from "./request.ts";
import { hasSensitive, isSensitiveOption } from "./sensitive.ts";
import { hasRules, isRule, ruleFiles } from "./validation-rules.ts";

/** The files that every runtime has, because protobuf-es brings them along: its `wellKnownFiles`. */
export const atRuntime: ReadonlySet<string> = new Set(
  "any api descriptor duration empty field_mask source_context struct timestamp type wrappers"
    .split(" ")
    .map((name) => `google/protobuf/${name}.proto`),
);

/**
 * Embeds descriptors in generated code: a file and the files whose types it uses, dependencies first.
 *
 * What no type needs is left out: comments, imports that only custom options need, and custom options, but for
 * protovalidate's rules and for what marks fields as sensitive, which the overrides of a configuration must know. A file's bytes depend on the file alone, so every embedded copy is the same. What every runtime has is left
 * out as well.
 */
export class Descriptors {
  readonly #request: Pick<Request, "runtimeCopy">;
  readonly #uses = new Map<DescFile, readonly DescFile[]>();
  readonly #bytes = new Map<DescFile, Uint8Array>();

  /** Copies without options of source retention are embedded, whether the run generates the file or only imports it. */
  constructor(request: Pick<Request, "runtimeCopy">) {
    this.#request = request;
  }

  /** A `google.protobuf.FileDescriptorSet` in base64. */
  embed(file: DescFile): string {
    const files = new Set<DescFile>();
    this.#collect(file, new Set(), files);
    return Buffer.concat([...files].map((needed) => this.#entry(needed))).toString("base64");
  }

  #collect(file: DescFile, seen: Set<DescFile>, files: Set<DescFile>): void {
    if (seen.has(file) || atRuntime.has(file.proto.name)) return;
    seen.add(file);
    for (const used of this.#usesOf(file)) this.#collect(used, seen, files);
    files.add(file);
  }

  #usesOf(file: DescFile): readonly DescFile[] {
    const uses = this.#uses.get(file) ?? usedFiles(file);
    this.#uses.set(file, uses);
    return uses;
  }

  /** The file as one entry of a FileDescriptorSet. */
  #entry(file: DescFile): Uint8Array {
    const known = this.#bytes.get(file);
    if (known) return known;
    const proto = strip(this.#request.runtimeCopy(file.proto.name), this.#usesOf(file));
    const writeUnknownFields = hasRules(file) || hasSensitive(file);
    if (writeUnknownFields) dropOtherOptions(proto);
    const bytes = toBinary(FileDescriptorProtoSchema, proto, { writeUnknownFields });
    const entry = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(bytes).finish();
    this.#bytes.set(file, entry);
    return entry;
  }
}

/** The types that generated code of a file knows: those of the files that it embeds, and of these. */
export function typesAtRuntime(file: DescFile): Registry {
  const files = new Set([file]);
  // The set grows while it is walked.
  for (const one of files) for (const used of usedFiles(one)) files.add(used);
  return createRegistry(...files);
}

/** The other files that declare the types of this one's fields, extensions and methods, and rules that it may use. */
export function usedFiles(file: DescFile): DescFile[] {
  const used = new Set(ruleFiles(file));
  const use = (type: { readonly file: DescFile } | undefined) => {
    if (type && type.file !== file) used.add(type.file);
  };
  for (const desc of nestedTypes(file)) {
    if (desc.kind === "message") {
      for (const field of desc.fields) {
        use(field.message);
        use(field.enum);
      }
    } else if (desc.kind === "extension") {
      use(desc.extendee);
      use(desc.message);
      use(desc.enum);
    } else if (desc.kind === "service") {
      for (const method of desc.methods) {
        use(method.input);
        use(method.output);
      }
    }
  }
  return [...used].sort((a, b) => (a.proto.name < b.proto.name ? -1 : 1));
}

/**
 * Imports exactly the files that are used. A type that came in through a public import of
 * another file is imported from its own file instead, so that no importer has to keep a file for its public imports.
 */
function strip(proto: FileDescriptorProto, uses: readonly DescFile[]): FileDescriptorProto {
  const isPublic = new Set(proto.publicDependency.map((index) => proto.dependency[index]));
  const dependency = uses.map((used) => used.proto.name);
  proto.dependency = dependency;
  proto.publicDependency = dependency.flatMap((name, index) => (isPublic.has(name) ? [index] : []));
  proto.weakDependency = [];
  proto.optionDependency = [];
  return proto;
}

/** Drops the options that a descriptor's own fields do not hold and the runtime does not need. Changes the descriptor. */
function dropOtherOptions(descriptor: unknown): void {
  if (Array.isArray(descriptor)) for (const item of descriptor) dropOtherOptions(item);
  if (!isMessage(descriptor)) return;
  const { $typeName } = descriptor;
  const kept = $typeName.endsWith("Options")
    ? descriptor.$unknown?.filter(({ no }) => isRule(no) || isSensitiveOption($typeName, no))
    : undefined;
  if (kept && kept.length > 0) descriptor.$unknown = kept;
  else delete descriptor.$unknown;
  for (const inner of Object.values(descriptor)) dropOtherOptions(inner);
}

const isMessage = (value: unknown): value is Message =>
  typeof value === "object" && value !== null && "$typeName" in value;
