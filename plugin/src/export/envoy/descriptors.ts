import { clearExtension, create, fromBinary, setExtension, toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema, MethodOptionsSchema } from "@bufbuild/protobuf/wkt";
import type { Contract, MethodContract } from "../../contract/contract.ts";
import { http } from "../../gen/google/api/annotations_pb.js";
import { type HttpRule, HttpRuleSchema } from "../../gen/google/api/http_pb.js";

type Route = MethodContract["routes"][number];

/**
 * An encoded `google.protobuf.FileDescriptorSet` of some services and what they need, with these routes as annotations: what an
 * API configuration or a parameter says is then there too, and what Envoy cannot do is not.
 */
export function descriptorsOf(
  { services, image }: Contract,
  names: ReadonlySet<string>,
  routesOf: (method: MethodContract) => readonly Route[],
): Uint8Array {
  const { file } = fromBinary(FileDescriptorSetSchema, image());
  const byName = new Map(file.map((one) => [one.name, one]));
  const wanted = services.filter(({ name }) => names.has(name));
  const needed = closure(
    wanted.map(({ desc }) => desc.file.proto.name),
    byName,
  );
  const rules = new Map(wanted.flatMap(({ methods }) => methods.map((method) => [method.path, routesOf(method)])));
  for (const one of needed)
    for (const service of one.service) {
      const typeName = one.package === "" ? service.name : `${one.package}.${service.name}`;
      for (const method of service.method) {
        if (method.options) clearExtension(method.options, http);
        const rule = ruleOf(rules.get(`/${typeName}/${method.name}`) ?? []);
        if (!rule) continue;
        method.options ??= create(MethodOptionsSchema);
        setExtension(method.options, http, rule);
      }
    }
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: needed }));
}

/** The files and what they import, imports first, as descriptor sets have them. */
function closure(names: readonly string[], byName: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] {
  const found = new Map<string, FileDescriptorProto>();
  const add = (name: string) => {
    const file = byName.get(name);
    if (!file || found.has(name)) return;
    for (const dependency of file.dependency) add(dependency);
    found.set(name, file);
  };
  for (const name of names) add(name);
  return [...found.values()];
}

function ruleOf([first, ...others]: readonly Route[]): HttpRule | undefined {
  if (!first) return undefined;
  const rule = bindingOf(first);
  rule.additionalBindings = others.map(bindingOf);
  return rule;
}

const plain = ["GET", "PUT", "POST", "DELETE", "PATCH"];

function bindingOf({ method, template, body }: Route): HttpRule {
  const pattern = plain.includes(method)
    ? ({ case: method.toLowerCase() as "get", value: template } as const)
    : ({ case: "custom", value: { kind: method, path: template } } as const);
  return create(HttpRuleSchema, { pattern, ...(body !== undefined && { body }) });
}
