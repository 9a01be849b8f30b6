import type { DescMethod } from "@bufbuild/protobuf";
import { factsOf as describedFacts, type MethodFacts } from "@protomesh/runtime/policies";
import { typesAtRuntime } from "../descriptors.ts";
import { idempotencyOf, kindOf } from "../method.ts";
import { isSensitive } from "../sensitive.ts";

/** What the rules of policies may know about a method with these routes. */
export function factsOf(
  method: DescMethod,
  policy: MethodFacts["policy"],
  routes: readonly { readonly method: string }[],
): MethodFacts {
  const { file, typeName } = method.parent;
  const httpMethods = routes.map((route) => route.method);
  const path = `/${typeName}/${method.name}`;
  return describedFacts(
    method,
    { path, kind: kindOf(method), idempotency: idempotencyOf(method), policy, httpMethods },
    { registry: () => typesAtRuntime(file), isSensitive, kindOf },
  );
}
