import type { DescFile, DescMethod, DescService } from "@bufbuild/protobuf";
import type { OpenAPIObject, PathItemObject, TagObject } from "openapi3-ts/oas31";
import type { FileModel } from "../model.ts";
import type { Sources } from "../request.ts";
import { visibleTo } from "./annotations.ts";
import { cleaned, Descriptions } from "./comments.ts";
import { type Listed, operation, type Parts } from "./operation.ts";
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
  /** Told of each route that a document cannot have, by its number among those of its method, and why. */
  readonly leftOut: (method: DescMethod, binding: number, text: string) => void;
}

/** A file with what is printed of it. */
export interface Documented {
  readonly file: DescFile;
  readonly model: FileModel;
}

/** The OpenAPI 3.1 document of some files; undefined when they have no routes that readers may know of. */
export function openApi(
  files: readonly Documented[],
  { sources, visibility, providers, leftOut }: Documents,
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
      return model.routes.map((route, binding) => {
        const path = expandPath(route, (field) => jsonPath(method.input, field));
        return { method, model, route, binding, path, tag: tags.get(desc) as string, swagger };
      });
    }),
  );
  if (listed.length === 0) return undefined;
  const failures = new Failures();
  const paths = pathsOf(listed, { schemas, security, failures, idOf: unique() }, leftOut);
  schemas.components.set("google.rpc.Status", statusSchema);
  const shown = new Set(listed.map(({ tag }) => tag));
  const described = services
    .filter(({ desc }) => shown.has(tags.get(desc) as string))
    .map(({ desc, service }): TagObject => {
      const { description = cleaned(service.doc.comment) } = tagOf(desc);
      return { name: tags.get(desc) as string, ...(description && { description }) };
    });
  // Of several files, the first one that says something about it.
  const main: Swagger = Object.assign({}, ...files.map(({ file }) => swaggerOf(file)).toReversed());
  return {
    openapi: "3.1.0",
    info: infoOf(main, new Set(listed.map(({ method }) => method.parent))),
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
  parts: Parts,
  leftOut: Documents["leftOut"],
): { [path: string]: PathItemObject } {
  const shapes = new Map<string, Path>();
  const items = new Map<string, Map<string, Listed>>();
  // What takes whole paths comes last: where OpenAPI cannot tell it from another route, it stays out. And of two routes of one
  // path the gateway takes the one that names the method.
  const order = [...listed].sort((a, b) => breadth(a) - breadth(b));
  const made = new Map<Listed, readonly string[]>();
  for (const one of order) {
    const path = shapes.get(one.path.shape) ?? one.path;
    shapes.set(one.path.shape, path);
    const taken = items.get(path.text) ?? new Map<string, Listed>();
    items.set(path.text, taken);
    const wanted = methodsOf(one);
    const free = wanted.filter((method) => !taken.has(method));
    for (const method of free) taken.set(method, one);
    made.set(one, free);
    const why = wanted.length === 0 ? unspeakable(one) : hidden(one, wanted, taken);
    if (why !== undefined) leftOut(one.method, one.binding, why);
  }
  const paths: { [path: string]: PathItemObject } = {};
  for (const one of listed) {
    const path = shapes.get(one.path.shape) as Path;
    for (const method of made.get(one) ?? []) {
      const item = (paths[path.text] ?? {}) as { [method: string]: unknown };
      paths[path.text] = item;
      item[method] = operation({ ...one, path: path === one.path ? path : renamed(one.path, path) }, method, parts);
    }
  }
  return paths;
}

const breadth = ({ route }: Listed) => (route.segments.includes("**") ? 2 : 0) + (route.method === "*" ? 1 : 0);

function methodsOf({ route }: Listed): string[] {
  const method = route.method.toLowerCase();
  if (method === "*")
    return route.body === undefined ? ["get", "post", "put", "patch", "delete"] : ["post", "put", "patch"];
  return standard.has(method) ? [method] : [];
}

const unspeakable = ({ route }: Listed): string =>
  `${nameOf(route)} is not in the OpenAPI document, which has no word for ${route.method}; the gateway serves it all the same`;

/** Why a document has not all of a route: what it has in its place. A `*` gives way to a route of the same path. */
function hidden(one: Listed, wanted: readonly string[], taken: ReadonlyMap<string, Listed>): string | undefined {
  const lost = wanted.flatMap((method) => {
    const other = taken.get(method) as Listed;
    const samePath = other.route.segments.join("/") === one.route.segments.join("/");
    return other === one || (one.route.method === "*" && other.route.method !== "*" && samePath) ? [] : other;
  });
  const [other] = lost;
  if (!other) return undefined;
  const part = lost.length === wanted.length ? "" : ` with some of its methods`;
  const place = `${nameOf(other.route)} of ${other.method.parent.typeName}.${other.method.name}`;
  return `${nameOf(one.route)} is not in the OpenAPI document${part}: ${place} has the same path and method there; the gateway serves both`;
}

const nameOf = ({ method, template }: Listed["route"]) => `${method} ${template}`;

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

/** About the services that have operations. */
function infoOf({ info = {} }: Swagger, shown: ReadonlySet<DescService>): OpenAPIObject["info"] {
  const services = [...shown];
  const packages = [...new Set(services.map(({ file }) => file.proto.package))].filter((name) => name !== "");
  const { title, description, termsOfService, contact, license, version } = info;
  return {
    title: title || (services.length === 1 && services[0]?.typeName) || packages.join(", ") || "API",
    ...(description && { description }),
    ...(termsOfService && { termsOfService }),
    ...(contact && { contact }),
    ...(license?.name && { license: { ...license, name: license.name } }),
    version: version || /\.(v\d\w*)$/.exec(packages[0] ?? "")?.[1] || "1",
  };
}

/** Without a host, the one that the document is from. */
function serversOf({ host, basePath = "", schemes = [] }: Swagger): { url: string }[] {
  const base = basePath.replace(/\/$/, "");
  if (!host) return [{ url: base || "/" }];
  const names = schemes
    .map((scheme) => ["", "http", "https", "ws", "wss"][Number(scheme)] ?? "")
    .filter((name) => name.startsWith("http"));
  return (names.length > 0 ? names : ["https"]).map((name) => ({
    url: `${name}://${host}${base}`,
  }));
}

/** Gives each name once. */
function unique(): (wanted: string) => string {
  const taken = new Set<string>();
  return (wanted) => {
    const legal = wanted.replace(/[^\w.-]/g, "_");
    let name = legal;
    for (let number = 2; taken.has(name); number++) name = `${legal}_${number}`;
    taken.add(name);
    return name;
  };
}
