import {
  type DescField,
  type DescMethod,
  fromJsonString,
  type Registry,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import type { FieldFacts, MethodFacts, SiblingFacts } from "../core/policy.ts";

/** What only the caller of `factsOf` knows: the generator and the runtime read it from different places. */
export interface FactsOptions {
  /** The types that a reply may hold. */
  readonly registry: () => Registry;
  /** Whether (mesh.v1.field).sensitive is set. */
  readonly isSensitive: (field: DescField) => boolean;
  /** Which sides of a method of the same service stream; undefined when there is no such method. */
  readonly kindOf: (method: DescMethod) => SiblingFacts["kind"] | undefined;
}

/** What the rules of policies may know about a method, from its descriptor. */
export function factsOf(
  method: DescMethod,
  known: Pick<MethodFacts, "path" | "kind" | "idempotency" | "policy" | "runtime" | "httpMethods">,
  { registry, isSensitive, kindOf }: FactsOptions,
): MethodFacts {
  return {
    ...known,
    field: (path) => fieldFacts(method, path, isSensitive),
    replyProblem(json) {
      try {
        // Also what cannot be sent, such as a message that lacks a required field.
        toBinary(method.output, fromJsonString(method.output, json, { registry: registry() }));
        return undefined;
      } catch (error) {
        return (error as Error).message;
      }
    },
    sibling(name) {
      const other = method.parent.methods.find((candidate) => candidate.name === name);
      const kind = other && kindOf(other);
      return kind && { kind, sameTypes: other.input === method.input && other.output === method.output };
    },
  };
}

/** A request field by its dotted path. A path does not lead through lists and maps, for they have many values. */
function fieldFacts(
  method: DescMethod,
  path: string,
  isSensitive: FactsOptions["isSensitive"],
): FieldFacts | undefined {
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
