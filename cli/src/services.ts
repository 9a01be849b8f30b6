import type { DescMessage, FileRegistry } from "@bufbuild/protobuf";
import { defineService, esCodec, type MethodSpec, type ServiceSpec } from "@protomesh/runtime";
import { type DescribedServices, describeServices, type MethodModel } from "../../plugin/src/library.ts";

/**
 * The services of an encoded descriptor set as generated code would have them; their messages are those of protobuf-es,
 * made from descriptors. Throws `GenerationError`.
 */
export function servicesOf(
  image: Uint8Array,
  parameters: readonly string[],
  warn: (line: string) => void,
): ServiceSpec[] {
  const { services, registry } = describeServices(image, parameters, warn);
  return services.map((service) => specOf(service, registry));
}

function specOf(
  { typeName, descriptors, methods }: DescribedServices["services"][number],
  registry: FileRegistry,
): ServiceSpec {
  const all: { [key: string]: Omit<MethodSpec, "path"> } = {};
  for (const method of methods) all[method.key] = dataOf(method, registry);
  return defineService<{ [key: string]: unknown }>({
    format: 1,
    name: typeName,
    descriptors: descriptors(),
    methods: all,
  });
}

/** Rules of callers are left out: they are for who serves the method. */
function dataOf({ name, kind, idempotency, request, reply, policy, routes }: MethodModel, registry: FileRegistry) {
  const codec = (typeName: string) => esCodec(registry.getMessage(typeName) as DescMessage);
  return {
    name,
    kind,
    ...(idempotency && { idempotency }),
    request: codec(request.typeName),
    reply: codec(reply.typeName),
    policy,
    routes,
  };
}
