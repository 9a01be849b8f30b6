import { type DescField, type DescMethod, fromJsonString, ScalarType } from "@bufbuild/protobuf";
import type { FieldFacts, MethodFacts, SiblingFacts } from "../core/policy.ts";
import type { MethodSpec, ServiceSpec } from "../core/spec.ts";
import { registryOf } from "../messages/descriptors.ts";

/**
 * What the rules of policies may know about a method, from the descriptors in generated code. Those hold no custom options, so
 * no field is known to be sensitive.
 */
export function factsOf(method: MethodSpec, service: ServiceSpec, policy: MethodSpec["policy"]): MethodFacts {
  const registry = registryOf(service);
  const described = registry.getService(service.name)?.methods.find(({ name }) => name === method.name);
  if (!described) throw new Error(`no descriptor of ${method.path} is embedded: generate the code again`);
  return {
    path: method.path,
    kind: method.kind,
    idempotency: method.idempotency,
    policy,
    runtime: true,
    field: (path) => fieldFacts(described, path),
    replyProblem(json) {
      try {
        fromJsonString(described.output, json, { registry });
        return undefined;
      } catch (error) {
        return (error as Error).message;
      }
    },
    sibling: (name) => siblingFacts(described, service, name),
  };
}

function siblingFacts(
  { input, output, parent }: DescMethod,
  service: ServiceSpec,
  name: string,
): SiblingFacts | undefined {
  const other = parent.methods.find((candidate) => candidate.name === name);
  const spec = Object.values(service.methods).find((candidate) => candidate.name === name);
  return other && spec && { kind: spec.kind, sameTypes: other.input === input && other.output === output };
}

/** A request field by its dotted path. A path does not lead through lists and maps, for they have many values. */
function fieldFacts(method: DescMethod, path: string): FieldFacts | undefined {
  let message: DescMethod["input"] | undefined = method.input;
  let found: DescField | undefined;
  for (const name of path.split(".")) {
    if (found && found.fieldKind !== "message") return undefined;
    found = message?.fields.find((candidate) => candidate.name === name);
    if (!found) return undefined;
    message = found.message;
  }
  return (
    found && {
      scalar: scalarOf(found),
      repeated: found.fieldKind === "list",
      map: found.fieldKind === "map",
      sensitive: false,
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
