import { createRegistry, type DescMethod } from "@bufbuild/protobuf";
import { factsOf as describedFacts, type MethodFacts } from "@protomesh/runtime/policies";
import { idempotencyOf, kindOf } from "../method.ts";
import { isSensitive } from "../sensitive.ts";

/** What the rules of policies may know about a method. */
export function factsOf(method: DescMethod, policy: MethodFacts["policy"]): MethodFacts {
  const { file, typeName } = method.parent;
  const path = `/${typeName}/${method.name}`;
  return describedFacts(
    method,
    { path, kind: kindOf(method), idempotency: idempotencyOf(method), policy },
    { registry: () => createRegistry(file, ...file.dependencies), isSensitive, kindOf },
  );
}
