import {
  type DescFile,
  type DescMessage,
  type DescMethod,
  type DescService,
  getOption,
  hasOption,
} from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { safeIdentifier } from "@bufbuild/protoplugin";
import type { Fields } from "./cel/fields.ts";
import { ruleOf } from "./cel/rule.ts";
import type { Comments } from "./comments.ts";
import type { Descriptors } from "./descriptors.ts";
import { field as fieldOption } from "./gen/mesh/v1/options_pb.js";
import { idempotencyOf, kindOf } from "./method.ts";
import type { FileModel, MessageModel, MethodModel, RuleModel, ServiceModel } from "./model.ts";
import { methodKeys } from "./names/method-keys.ts";
import { placeOf } from "./names/place.ts";
import type { Effective } from "./options/effective.ts";
import { OptionPath } from "./options/path.ts";
import { reportNewer } from "./options/read.ts";
import type { Resolver } from "./options/resolve.ts";
import type { Place, Problems } from "./problems.ts";
import type { Routes } from "./routes.ts";

/** What the files of one run share. */
export interface Context {
  readonly problems: Problems;
  readonly comments: Comments;
  readonly resolver: Resolver;
  readonly descriptors: Descriptors;
  readonly messages: { message(desc: DescMessage): MessageModel };
  readonly fields: Fields;
  readonly routes: Routes;
}

// Numbers of FileDescriptorProto.service, ServiceDescriptorProto.method and FieldDescriptorProto.options.
const serviceField = 6;
const methodField = 2;
const fieldOptions = 8;

/** Checks a file and turns it into what is printed. Files without services have nothing to print. */
export function buildModel(file: DescFile, context: Context): FileModel | undefined {
  checkFields(file, context.problems);
  const inherited = context.resolver.file(file);
  if (file.services.length === 0) return undefined;
  const factories = factoryNames(file);
  const services = file.services.map((service, index): ServiceModel => {
    const place = { file, path: [serviceField, index], name: service.typeName };
    return {
      name: safeIdentifier(service.name),
      factory: factories[index] as string,
      typeName: service.typeName,
      doc: context.comments.of(service, place.path),
      methods: buildMethods(service, place, inherited, context),
    };
  });
  return {
    source: file.proto.name,
    output: `${file.name}_mesh.ts`,
    descriptors: () => context.descriptors.embed(file),
    services,
  };
}

function buildMethods(
  service: DescService,
  { file, path, name }: Place,
  ofFile: Effective,
  { problems, comments, resolver, messages, fields, routes }: Context,
): MethodModel[] {
  const inherited = resolver.service(service, { file, path, name }, ofFile);
  const places = new Map(
    service.methods.map((method, index) => [
      method,
      { file, path: [...path, methodField, index], name: `${name}.${method.name}` },
    ]),
  );
  const keys = methodKeys(service, (method) => places.get(method) as Place, problems);
  return [...places].map(([method, place]) => {
    const served = routes.of(method, place);
    const policy = resolver.method(method, place, inherited, served);
    return {
      key: keys.get(method) as string,
      name: method.name,
      kind: kindOf(method),
      idempotency: idempotencyOf(method),
      doc: comments.of(method, place.path),
      request: messages.message(method.input),
      reply: messages.message(method.output),
      policy,
      routes: served,
      authRule: authRule(method, policy, fields, resolver.origins(method).get("auth")?.place ?? place, problems),
    };
  });
}

/** The rule of a method; what denies or admits everybody has none. */
function authRule(
  method: DescMethod,
  policy: MethodModel["policy"],
  fields: Fields,
  place: Place,
  problems: Problems,
): RuleModel | undefined {
  const { access, rule } = (policy.auth ?? {}) as { readonly access?: string; readonly rule?: string };
  return access === "AUTHENTICATED" && rule !== undefined ? ruleOf(rule, method, fields, place, problems) : undefined;
}

/** `create<Service>Client`; a `$` keeps it apart from another service's name or factory. */
function factoryNames({ services }: DescFile): string[] {
  const taken = new Set(services.map(({ name }) => safeIdentifier(name)));
  return services.map(({ name }) => {
    let factory = `create${name.charAt(0).toUpperCase()}${name.slice(1)}Client`;
    while (taken.has(factory)) factory += "$";
    taken.add(factory);
    return factory;
  });
}

/** Field options say nothing that is printed, but what is newer than this version must not pass unnoticed. */
function checkFields(file: DescFile, problems: Problems): void {
  for (const type of nestedTypes(file)) {
    if (type.kind !== "message") continue;
    for (const field of type.fields) {
      if (!hasOption(field, fieldOption)) continue;
      const { path } = placeOf(field);
      const at = new OptionPath(file, [...path, fieldOptions, fieldOption.number], "(mesh.v1.field)");
      reportNewer(getOption(field, fieldOption), at, problems);
    }
  }
}
