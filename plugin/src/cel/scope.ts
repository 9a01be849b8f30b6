import type { DescEnum, DescFile, DescMessage, DescMethod } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { usedFiles } from "../descriptors.ts";
import { messageType, simple, type Type } from "./types.ts";

/** What a rule can name besides the variables of its macros. */
export interface Scope {
  readonly variables: ReadonlyMap<string, Type>;
  /** The texts of `method.service` and `method.name`. */
  readonly method: { readonly [field: string]: string };
  /** The number of an enum value, or a type, by its name as the service's package sees it. */
  named(name: string): bigint | "type" | undefined;
}

const strings: Type = { kind: "list", of: simple("string") };

const auth: Type = {
  kind: "record",
  name: "auth",
  fields: new Map<string, Type>([
    ["sub", simple("string")],
    ["provider", simple("string")],
    ["scopes", strings],
    ["audiences", strings],
    ["claims", { kind: "map", key: simple("string"), value: simple("dyn") }],
  ]),
};

const about: Type = {
  kind: "record",
  name: "method",
  fields: new Map([
    ["service", simple("string")],
    ["name", simple("string")],
  ]),
};

/** What the rule of a method can name. */
export function scopeOf(method: DescMethod): Scope {
  const { parent } = method;
  const space = parent.typeName.split(".").slice(0, -1);
  return {
    variables: new Map([
      ["auth", auth],
      ["request", messageType(method.input)],
      ["method", about],
    ]),
    method: { service: parent.typeName, name: method.name },
    named(name) {
      const types = typesOf(parent.file);
      // From the package outwards, as protobuf itself looks names up.
      const outwards = space.map((_, n) => [...space.slice(0, space.length - n), name].join("."));
      for (const candidate of name.startsWith(".") ? [name.slice(1)] : [...outwards, name]) {
        if (types.has(candidate)) return "type";
        const dot = candidate.lastIndexOf(".");
        const type = types.get(candidate.slice(0, dot));
        const value = type?.kind === "enum" && type.values.find((one) => one.name === candidate.slice(dot + 1));
        if (value) return BigInt(value.number);
      }
      return /^(?:bool|bytes|double|int|list|map|null_type|string|type|uint)$/.test(name) ? "type" : undefined;
    },
  };
}

const known = new WeakMap<DescFile, ReadonlyMap<string, DescMessage | DescEnum>>();

/** The types that generated code embeds descriptors of, and so the only ones that are known at run time. */
function typesOf(file: DescFile): ReadonlyMap<string, DescMessage | DescEnum> {
  const before = known.get(file);
  if (before) return before;
  const types = new Map<string, DescMessage | DescEnum>();
  const files = new Set<DescFile>();
  const collect = (one: DescFile) => {
    if (files.has(one)) return;
    files.add(one);
    for (const type of nestedTypes(one)) {
      if (type.kind === "message" || type.kind === "enum") types.set(type.typeName, type);
    }
    for (const used of usedFiles(one)) collect(used);
  };
  collect(file);
  known.set(file, types);
  return types;
}
