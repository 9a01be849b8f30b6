import { clearExtension, clone, create, type DescFile, setExtension, toBinary } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorSetSchema,
  type MethodDescriptorProto,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import type { MethodContract, ServiceContract } from "../../contract/contract.ts";
import { http } from "../../gen/google/api/annotations_pb.js";
import { type HttpRule, HttpRuleSchema } from "../../gen/google/api/http_pb.js";

type Route = MethodContract["routes"][number];

/**
 * An encoded `google.protobuf.FileDescriptorSet` of services and what they need, with these routes as annotations: what an API
 * configuration or a parameter says is then there too, and what Envoy cannot do is not.
 */
export function descriptorsOf(
  services: readonly ServiceContract[],
  routesOf: (method: MethodContract) => readonly Route[],
): Uint8Array {
  const methods = services.flatMap((service) => service.methods);
  const rules = new Map(methods.map((method) => [method.desc.proto, ruleOf(routesOf(method))]));
  const file = closure(services.map(({ desc }) => desc.file)).map(({ proto }) => annotated(proto, rules));
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file }));
}

/** A file with other annotations, and without its source. */
function annotated(
  file: FileDescriptorProto,
  rules: ReadonlyMap<MethodDescriptorProto, HttpRule | undefined>,
): FileDescriptorProto {
  const { sourceCodeInfo: _, ...rest } = file;
  const service = file.service.map((one) => ({
    ...one,
    method: one.method.map((method) => {
      const options = method.options ? clone(MethodOptionsSchema, method.options) : create(MethodOptionsSchema);
      clearExtension(options, http);
      const rule = rules.get(method);
      if (rule) setExtension(options, http, rule);
      return { ...method, options };
    }),
  }));
  return { ...rest, service };
}

/** The files and what they import, imports first, as descriptor sets have them. */
function closure(files: readonly DescFile[]): readonly DescFile[] {
  const found = new Set<DescFile>();
  const add = (file: DescFile) => {
    if (found.has(file)) return;
    for (const dependency of file.dependencies) add(dependency);
    found.add(file);
  };
  for (const file of files) add(file);
  return [...found];
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
