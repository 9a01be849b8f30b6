import type { DescEnum, DescFile, DescMessage } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { safeIdentifier } from "@bufbuild/protoplugin";
import type { MessageModel } from "../model.ts";
import type { Problems } from "../problems.ts";
import { placeOf } from "./place.ts";

/** The options of ts-proto that decide what its files and types are called, under ts-proto's own names. */
export interface TsProtoNaming {
  readonly fileSuffix: string;
  /** What ts-proto's import paths end with. */
  readonly importSuffix: string;
  readonly typePrefix: string;
  readonly typeSuffix: string;
  readonly messagePrefix: string;
  readonly messageSuffix: string;
  readonly enumPrefix: string;
  readonly enumSuffix: string;
  /** Whether `snakeToCamel` covers keys; type names follow it. */
  readonly camelCaseNames: boolean;
  /** Whether the names of nested types are joined by `_`. */
  readonly useSnakeTypeName: boolean;
  /** `M<proto file>=<module>`: modules that stand for proto files. */
  readonly modules: ReadonlyMap<string, string>;
}

/**
 * Where ts-proto puts its messages and what it calls them. Source: ts-proto 2, its README and output.
 *
 * Reports files in which it gives two types one name: they do not compile.
 */
export class TsProtoNames {
  readonly #naming: TsProtoNaming;
  readonly #problems: Problems;
  readonly #modules = new Map<DescFile, string>();

  constructor(naming: TsProtoNaming, problems: Problems) {
    this.#naming = naming;
    this.#problems = problems;
  }

  /** The message as ts-proto exports it: one name for the type and for its functions. */
  message(desc: DescMessage): MessageModel {
    const imported = { name: this.#name(desc), from: this.#module(desc.file) };
    return { typeName: desc.typeName, type: imported, codec: imported, codecOf: "tsProtoCodec" };
  }

  #module(file: DescFile): string {
    let module = this.#modules.get(file);
    if (module === undefined) {
      const { modules, fileSuffix, importSuffix } = this.#naming;
      const proto = file.proto.name;
      module = modules.get(proto) ?? `./${proto.replace(".proto", "")}${fileSuffix}${importSuffix}`;
      this.#modules.set(file, module);
      this.#check(file);
    }
    return module;
  }

  #name(desc: DescMessage | DescEnum): string {
    const { typePrefix, typeSuffix, messagePrefix, messageSuffix, enumPrefix, enumSuffix } = this.#naming;
    const [prefix, suffix] = desc.kind === "enum" ? [enumPrefix, enumSuffix] : [messagePrefix, messageSuffix];
    const name = `${typePrefix}${prefix}${this.#path(desc)}${suffix}${typeSuffix}`;
    return name === "Date" || name === "Function" ? `${name}Message` : name;
  }

  #path(desc: DescMessage | DescEnum): string {
    const own = this.#naming.camelCaseNames ? camelCase(desc.name) : desc.name;
    if (!desc.parent) return own;
    return `${this.#path(desc.parent)}${this.#naming.useSnakeTypeName ? "_" : ""}${own}`;
  }

  /** Once per file that messages are taken from. */
  #check(file: DescFile): void {
    const proto = file.proto.name;
    if (proto.indexOf(".proto") !== proto.length - ".proto".length && !this.#naming.modules.has(proto)) {
      this.#problems.error(
        { file, path: [], name: proto },
        'ts-proto cannot name the module of a file that has ".proto" in its path twice: rename it, or set messages=protobuf-es',
        "names/module",
      );
    }
    const owners = new Map<string, DescMessage | DescEnum>();
    for (const desc of nestedTypes(file)) {
      if (desc.kind !== "message" && desc.kind !== "enum") continue;
      const name = this.#name(desc);
      const other = owners.get(name);
      owners.set(name, other ?? desc);
      if (other) {
        this.#problems.error(
          placeOf(desc),
          `ts-proto calls it ${name}, like ${other.typeName} of the same file: rename one of them, or set messages=protobuf-es`,
          "names/collision",
        );
      } else if (safeIdentifier(name) !== name && name !== "Object" && name !== "Uint8Array" && name !== "Partial") {
        this.#problems.error(
          placeOf(desc),
          `ts-proto calls it ${name}, a reserved word of TypeScript: rename it, or set messages=protobuf-es`,
          "names/reserved",
        );
      }
    }
  }
}

/** Joins the words of a name with underscores; a name in capitals alone loses them first. */
export function camelCase(name: string): string {
  if (!name.includes("_")) return name;
  const [first = "", ...rest] = (/[a-z]/.test(name) ? name : name.toLowerCase()).split("_");
  return first + rest.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}
