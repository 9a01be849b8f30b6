import { createRegistry, type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { factsOf as describedFacts, type MethodFacts } from "@protomesh/runtime/policies";
import { http } from "../gen/google/api/annotations_pb.js";
import type { HttpRule } from "../http-rule.ts";
import { idempotencyOf, kindOf } from "../method.ts";
import { isSensitive } from "../sensitive.ts";

/** What the rules of policies may know about a method. */
export function factsOf(method: DescMethod, policy: MethodFacts["policy"]): MethodFacts {
  const { file, typeName } = method.parent;
  const path = `/${typeName}/${method.name}`;
  return describedFacts(
    method,
    { path, kind: kindOf(method), idempotency: idempotencyOf(method), policy, httpMethods: httpMethodsOf(method) },
    { registry: () => createRegistry(file, ...file.dependencies), isSensitive, kindOf },
  );
}

/** The methods of the routes that the file declares. */
const httpMethodsOf = (method: DescMethod): readonly string[] | undefined =>
  hasOption(method, http) ? methodsOf(getOption(method, http)) : undefined;

const methodsOf = ({ pattern, additionalBindings }: HttpRule): readonly string[] => [
  ...(pattern.case === undefined ? [] : [pattern.case === "custom" ? pattern.value.kind : pattern.case.toUpperCase()]),
  ...additionalBindings.flatMap(methodsOf),
];
