import type { DescFile, DescService } from "@bufbuild/protobuf";
import type { OpenAPIObject, PathItemObject, TagObject } from "openapi3-ts/oas31";
import type { FileModel } from "../model.ts";
import type { Sources } from "../request.ts";
import { visibleTo } from "./annotations.ts";
import { cleaned, Descriptions } from "./comments.ts";
import { type Listed, operation } from "./operation.ts";
import { jsonPath } from "./parameters.ts";
import { expandPath, type Path, renamed } from "./paths.ts";
import { Failures, statusSchema } from "./responses.ts";
import { Schemas } from "./schemas.ts";
import { type ProviderScheme, Security } from "./security.ts";
import { type Swagger, swaggerOf, tagOf } from "./swagger.ts";

/** What documents are made from. */
export interface Documents {
  readonly sources: Sources;
  /** Labels of google.api.visibility whose elements are shown. */
  readonly visibility: readonly string[];
  readonly providers: readonly ProviderScheme[];
}

/** A file with what is printed of it. */
export interface Documented {
  readonly file: DescFile;
  readonly model: FileModel;
}

/** The OpenAPI 3.1 document of some files; undefined when they have no routes that readers may know of. */
export function openApi(
  files: readonly Documented[],
  { sources, visibility, providers }: Documents,
): OpenAPIObject | undefined {
  const visible = visibleTo(visibility);
  const schemas = new Schemas(new Descriptions(sources), visible);
  const security = new Security(providers);
  const services = files.flatMap(({ file, model }) =>
    model.services.flatMap((service, index) => {
      const desc = file.services[index] as DescService;
      return visible(desc) ? [{ desc, service, swagger: swaggerOf(file) }] : [];
    }),
  );
  const tags = namesOf(services.map(({ desc }) => desc));
  const listed = services.flatMap(({ desc, service, swagger }) =>
    service.methods.flatMap((model, index): Listed[] => {
      const method = desc.methods[index];
      if (!method || !visible(method)) return [];
      return model.routes.map((route) => {
        const path = expandPath(route, (field) => jsonPath(method.input, field));
        return { method, model, route, path, tag: tags.get(desc) as string, swagger };
      });
    }),
  );
  if (listed.length === 0) return undefined;
  const failures = new Failures();
  const paths = pathsOf(listed, { schemas, security, failures, idOf: unique() });
  schemas.components.set("google.rpc.Status", statusSchema);
  const shown = new Set(listed.map(({ tag }) => tag));
  const described = services
    .filter(({ desc }) => shown.has(tags.get(desc) as string))
    .map(({ desc, service }): TagObject => {
      const { description = cleaned(service.doc.comment) } = tagOf(desc);
      return { name: tags.get(desc) as string, ...(description && { description }) };
    });
  const main = files.map(({ file }) => swaggerOf(file)).find(({ info }) => info) ?? {};
  return {
    openapi: "3.1.0",
    info: infoOf(main, files),
    servers: serversOf(main),
    ...(main.externalDocs?.url && { externalDocs: { ...main.externalDocs, url: main.externalDocs.url } }),
    tags: withTags(
      described,
      services.flatMap(({ swagger }) => swagger.tags ?? []),
      paths,
    ),
    paths,
    components: {
      schemas: sorted(schemas.components),
      responses: sorted(failures.components),
      ...(security.schemes.size > 0 && { securitySchemes: sorted(security.schemes) }),
    },
  };
}

const sorted = <T>(map: ReadonlyMap<string, T>): { [name: string]: T } =>
  Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));

/** The methods that a path of OpenAPI has; it has no words for others, so they are left out. */
const standard: ReadonlySet<string> = new Set("get put post delete options head patch trace".split(" "));

function pathsOf(
  listed: readonly Listed[],
  parts: Parameters<typeof operation>[1],
): { [path: string]: PathItemObject } {
  const shapes = new Map<string, Path>();
  const items = new Map<string, { [method: string]: unknown }>();
  // What takes whole paths comes last: where OpenAPI cannot tell it from another route, it stays out.
  const order = [...listed].sort((a, b) => Number(isWide(a)) - Number(isWide(b)));
  const made = new Map<Listed, readonly string[]>();
  for (const one of order) {
    const path = shapes.get(one.path.shape) ?? one.path;
    shapes.set(one.path.shape, path);
    const taken = items.get(path.text) ?? {};
    items.set(path.text, taken);
    const free = methodsOf(one).filter((method) => !(method in taken));
    for (const method of free) taken[method] = undefined;
    made.set(one, free);
  }
  const paths: { [path: string]: PathItemObject } = {};
  for (const one of listed) {
    const path = shapes.get(one.path.shape) as Path;
    for (const method of made.get(one) ?? []) {
      const item = (paths[path.text] ?? {}) as { [method: string]: unknown };
      paths[path.text] = item;
      item[method] = operation({ ...one, path: path === one.path ? path : renamed(one.path, path) }, parts);
    }
  }
  return paths;
}

const isWide = ({ route }: Listed) => route.segments.includes("**");

function methodsOf({ route }: Listed): string[] {
  const method = route.method.toLowerCase();
  if (method === "*")
    return route.body === undefined ? ["get", "post", "put", "patch", "delete"] : ["post", "put", "patch"];
  return standard.has(method) ? [method] : [];
}

/** Tags by their services' names, full ones where two services share theirs. */
function namesOf(services: readonly DescService[]): Map<DescService, string> {
  return new Map(
    services.map((desc) => {
      const shared = services.some((other) => other !== desc && other.name === desc.name);
      return [desc, tagOf(desc).name || (shared ? desc.typeName : desc.name)];
    }),
  );
}

/** The services' tags, what files say about tags, and tags that operations name besides. */
function withTags(
  own: readonly TagObject[],
  declared: NonNullable<Swagger["tags"]>,
  paths: { [path: string]: PathItemObject },
): TagObject[] {
  const used = new Set(
    Object.values(paths).flatMap((item) => Object.values(item).flatMap((one: { tags?: string[] }) => one.tags ?? [])),
  );
  const tags = new Map<string, TagObject>();
  for (const tag of own) if (used.has(tag.name) && !tags.has(tag.name)) tags.set(tag.name, tag);
  for (const { name, description, externalDocs } of declared) {
    if (!name || !used.has(name)) continue;
    const docs = externalDocs?.url ? { externalDocs: { ...externalDocs, url: externalDocs.url } } : {};
    tags.set(name, { ...tags.get(name), name, ...(description && { description }), ...docs });
  }
  for (const name of used) if (!tags.has(name)) tags.set(name, { name });
  return [...tags.values()];
}

function infoOf({ info = {} }: Swagger, files: readonly Documented[]): OpenAPIObject["info"] {
  const packages = [...new Set(files.map(({ file }) => file.proto.package))];
  const services = files.flatMap(({ model }) => model.services);
  const { title, description, termsOfService, contact, license, version } = info;
  return {
    title: title || (services.length === 1 ? (services[0]?.typeName as string) : packages.join(", ") || "API"),
    ...(description && { description }),
    ...(termsOfService && { termsOfService }),
    ...(contact && { contact }),
    ...(license?.name && { license: { ...license, name: license.name } }),
    version: version || /\.(v\d\w*)$/.exec(packages[0] ?? "")?.[1] || "1",
  };
}

function serversOf({ host, schemes = [] }: Swagger): { url: string }[] {
  if (!host) return [{ url: "/" }];
  const names = schemes
    .map((scheme) => ["", "http", "https", "ws", "wss"][Number(scheme)] ?? "")
    .filter((name) => name.startsWith("http"));
  return (names.length > 0 ? names : ["https"]).map((name) => ({ url: `${name}://${host}` }));
}

/** Gives each name once. */
function unique(): (wanted: string) => string {
  const taken = new Set<string>();
  return (wanted) => {
    let name = wanted.replace(/[^\w.-]/g, "_");
    for (let number = 2; taken.has(name); number++) name = `${wanted}_${number}`;
    taken.add(name);
    return name;
  };
}
