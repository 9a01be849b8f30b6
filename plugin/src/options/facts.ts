import {
  createRegistry,
  type DescField,
  type DescMethod,
  fromJsonString,
  getOption,
  hasOption,
  ScalarType,
} from "@bufbuild/protobuf";
import type { FieldFacts, MethodFacts, SiblingFacts } from "@protomesh/runtime/policies";
import { field as fieldOption } from "../gen/mesh/v1/options_pb.js";
import { idempotencyOf, kindOf } from "../method.ts";

/** What the rules of policies may know about a method. */
export function factsOf(method: DescMethod, policy: MethodFacts["policy"]): MethodFacts {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    kind: kindOf(method),
    idempotency: idempotencyOf(method),
    policy,
    field: (path) => fieldFacts(method, path),
    replyProblem: (json) => replyProblem(method, json),
    sibling: (name) => sibling(method, name),
  };
}

function replyProblem({ output, parent }: DescMethod, json: string): string | undefined {
  try {
    fromJsonString(output, json, { registry: createRegistry(parent.file, ...parent.file.dependencies) });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function sibling({ input, output, parent }: DescMethod, name: string): SiblingFacts | undefined {
  const other = parent.methods.find((candidate) => candidate.name === name);
  return other && { kind: kindOf(other), sameTypes: other.input === input && other.output === output };
}

/** A request field by its dotted path. A path does not lead through lists and maps, for they have many values. */
function fieldFacts(method: DescMethod, path: string): FieldFacts | undefined {
  let message: DescMethod["input"] | undefined = method.input;
  let sensitive = false;
  let found: DescField | undefined;
  for (const name of path.split(".")) {
    if (found && found.fieldKind !== "message") return undefined;
    found = message?.fields.find((candidate) => candidate.name === name);
    if (!found) return undefined;
    sensitive ||= isSensitive(found);
    message = found.message;
  }
  return (
    found && {
      scalar: scalarOf(found),
      repeated: found.fieldKind === "list",
      map: found.fieldKind === "map",
      sensitive,
      oneof: found.oneof !== undefined,
    }
  );
}

const isSensitive = (field: DescField) =>
  hasOption(field, fieldOption) && getOption(field, fieldOption).sensitive === true;

function scalarOf(field: DescField): FieldFacts["scalar"] {
  if (field.fieldKind === "map" || field.message) return "message";
  if (field.enum) return "enum";
  switch (field.scalar) {
    case ScalarType.STRING:
      return "string";
    case ScalarType.BYTES:
      return "bytes";
    case ScalarType.BOOL:
      return "bool";
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return "float";
    default:
      return "int";
  }
}
