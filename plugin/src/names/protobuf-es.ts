import type { DescEnum, DescFile, DescMessage } from "@bufbuild/protobuf";
import { wktPublicImportPaths } from "@bufbuild/protobuf/codegenv2";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { safeIdentifier } from "@bufbuild/protoplugin";
import type { MessageModel } from "../model.ts";

interface Names {
  readonly types: ReadonlyMap<DescMessage | DescEnum, string>;
  readonly schemas: ReadonlyMap<DescMessage | DescEnum, string>;
}

/**
 * Where protoc-gen-es puts its messages and what it calls them. Its plugin framework can tell as well, but computes
 * the names of the whole file for each answer, which takes minutes for large files.
 */
export class ProtobufEsNames {
  readonly #extension: string;
  readonly #generated: ReadonlySet<string>;
  readonly #names = new Map<DescFile, Names>();

  /** `extension` ends import paths, `generated` are the names of the proto files that this run generates. */
  constructor(extension: string, generated: ReadonlySet<string>) {
    this.#extension = extension;
    this.#generated = generated;
  }

  /** The message as protoc-gen-es exports it: a type and a schema. */
  message(desc: DescMessage): MessageModel {
    const from = this.#module(desc.file);
    const { types, schemas } = this.#namesOf(desc.file);
    return {
      typeName: desc.typeName,
      type: { name: types.get(desc) as string, from },
      codec: { name: schemas.get(desc) as string, from },
      codecOf: "esCodec",
    };
  }

  /** Well-known types come from the package, unless the run generates them anew. */
  #module(file: DescFile): string {
    const wellKnown = this.#generated.has(file.proto.name) ? undefined : wktPublicImportPaths[file.proto.name];
    return wellKnown ?? `./${file.name}_pb${this.#extension}`;
  }

  #namesOf(file: DescFile): Names {
    const names = this.#names.get(file) ?? namesOf(file);
    this.#names.set(file, names);
    return names;
  }
}

/** Types are named before schemas; who comes later and finds its name taken gets a `$`. */
function namesOf(file: DescFile): Names {
  const taken = new Set<string>();
  const claim = (name: string) => {
    let free = safeIdentifier(name);
    for (let i = 1; taken.has(free); i++) free = safeIdentifier(i === 1 ? `${name}$` : `${name}$${i - 1}`);
    taken.add(free);
    return free;
  };
  const descs = [...nestedTypes(file)].filter((desc) => desc.kind === "message" || desc.kind === "enum");
  const types = new Map(descs.map((desc) => [desc, claim(joined(desc))]));
  claim(`file_${file.name.replace(/[^a-zA-Z0-9_]+/g, "_")}`);
  const schemas = new Map<DescMessage | DescEnum, string>();
  for (const desc of nestedTypes(file)) {
    if (desc.kind === "message" || desc.kind === "enum") schemas.set(desc, claim(`${joined(desc)}Schema`));
    else claim(joined(desc));
  }
  return { types, schemas };
}

/** The full name without the package: dots become underscores. */
function joined(desc: { readonly file: DescFile; readonly typeName: string }): string {
  const { package: scope } = desc.file.proto;
  return desc.typeName.slice(scope === "" ? 0 : scope.length + 1).replaceAll(".", "_");
}
