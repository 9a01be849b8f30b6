import { getOption, hasOption } from "@bufbuild/protobuf";
import type { MethodFacts } from "../core/policy.ts";
import type { MethodSpec, ServiceSpec } from "../core/spec.ts";
import { registryOf } from "../messages/descriptors.ts";
import { factsOf as describedFacts } from "../messages/facts.ts";
import { field as fieldOption } from "./gen/mesh/v1/options_pb.ts";

/** What the rules of policies may know about a method, from the descriptors in generated code. */
export function factsOf(method: MethodSpec, service: ServiceSpec, policy: MethodSpec["policy"]): MethodFacts {
  const registry = registryOf(service);
  const described = registry.getService(service.name)?.methods.find(({ name }) => name === method.name);
  if (!described) throw new Error(`no descriptor of ${method.path} is embedded: generate the code again`);
  const { path, kind, idempotency } = method;
  return describedFacts(
    described,
    { path, kind, idempotency, policy, runtime: true },
    {
      registry: () => registry,
      isSensitive: (field) => hasOption(field, fieldOption) && getOption(field, fieldOption).sensitive === true,
      kindOf: ({ name }) => Object.values(service.methods).find((one) => one.name === name)?.kind,
    },
  );
}
