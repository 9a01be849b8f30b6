import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { MethodKind, PathVariable, Route } from "@protomesh/runtime";
import { type PathTemplate, parsePathTemplate, TemplateError } from "./path-template.ts";

/** `google.api.HttpRule`, as protobuf-es generates it. */
export interface HttpRule {
  /** Names the method in a service configuration; says nothing in an annotation. */
  readonly selector?: string;
  readonly pattern:
    | { readonly case: "get" | "put" | "post" | "delete" | "patch"; readonly value: string }
    | { readonly case: "custom"; readonly value: { readonly kind: string; readonly path: string } }
    | { readonly case: undefined; readonly value?: undefined };
  readonly body: string;
  readonly responseBody: string;
  readonly additionalBindings: readonly HttpRule[];
}

/** What the rule's method takes and returns. */
export interface HttpMethod {
  readonly input: DescMessage;
  readonly output: DescMessage;
  readonly kind: MethodKind;
}

/** A rule that cannot be served. The message says what is wrong and what to write instead. */
export class HttpRuleError extends Error {
  override readonly name = "HttpRuleError";
  /** 0 for the rule itself, 1 for its first additional binding, and so on. */
  readonly binding: number;

  constructor(message: string, binding: number, options?: ErrorOptions) {
    super(message, options);
    this.binding = binding;
  }
}

/**
 * The routes of a `google.api.http` option: its own first, then those of `additional_bindings`.
 *
 * Throws `HttpRuleError`. Methods whose caller streams keep their routes as data; a gateway that cannot stream
 * requests answers them with UNIMPLEMENTED.
 */
export function parseHttpRule(rule: HttpRule, method: HttpMethod): Route[] {
  return [rule, ...rule.additionalBindings].map((binding, index) => {
    try {
      if (index > 0 && binding.additionalBindings.length > 0)
        throw new RuleError("additional_bindings must not have additional_bindings: list all of them side by side");
      return toRoute(binding, method);
    } catch (cause) {
      if (!(cause instanceof RuleError)) throw cause;
      const where = index === 0 ? "google.api.http" : `google.api.http, additional_bindings[${index - 1}]`;
      throw new HttpRuleError(`${where}: ${cause.message}`, index, { cause });
    }
  });
}

/** Finds routes that no request could tell apart. */
export class RouteConflicts {
  readonly #first = new Map<string, { path: string; route: Route }>();

  /** What is wrong when an earlier route matches the same requests; undefined for nothing. `path` is the method's gRPC path. */
  add(path: string, route: Route): string | undefined {
    // Literals are canonical and have no "*" and no "/", so the joined text tells shapes apart.
    const shape = `${route.method} ${route.segments.join("/")}:${route.verb ?? ""}`;
    const earlier = this.#first.get(shape);
    if (earlier)
      return `${route.method} ${route.template} of ${path} matches the same requests as ${earlier.route.template} of ${earlier.path}: change one of them`;
    this.#first.set(shape, { path, route });
    return undefined;
  }
}

/** The route of a method without a rule, when such routes are asked for: POST to where gRPC finds it. */
export function defaultRoute(service: string, method: string): Route {
  return { method: "POST", template: `/${service}/${method}`, segments: [service, method], variables: [], body: "*" };
}

/** What is allowed, but surprises somebody: one message each. */
export function routeWarnings(route: Route): string[] {
  const warnings: string[] = [];
  const wide = route.segments.indexOf("**");
  if (wide >= 0 && wide < route.segments.length - 1) {
    warnings.push(
      `${route.template} has segments after "**": other servers of google.api.http refuse that; put "**" last or use a verb`,
    );
  }
  if (route.method === "DELETE" && route.body !== undefined) {
    warnings.push(
      `DELETE ${route.template} has a body: proxies and clients may drop it; remove body, or use POST with a verb`,
    );
  }
  return warnings;
}

/** A broken rule; `parseHttpRule` adds where. */
class RuleError extends Error {}

function toRoute(rule: HttpRule, { input, output }: HttpMethod): Route {
  const { method, path } = target(rule.pattern);
  const template = parse(path);
  checkVariables(path, template.variables, input);
  if (rule.body !== "" && (method === "GET" || method === "HEAD")) {
    throw new RuleError(
      `${method} ${path} has body ${quote(rule.body)}, and ${method} requests carry none: remove body, or use post`,
    );
  }
  if (rule.body !== "" && rule.body !== "*") topLevel(rule.body, input, "body", `"*" for the whole request`);
  if (rule.responseBody !== "") topLevel(rule.responseBody, output, "response_body", "nothing for the whole reply");
  return {
    method,
    template: path,
    ...template,
    ...(rule.body === "" ? {} : { body: rule.body }),
    ...(rule.responseBody === "" ? {} : { responseBody: rule.responseBody }),
  };
}

/**
 * The methods that every supported Node.js parses and hands to a request handler.
 * CONNECT is missing: node:http reports it as an event of its own.
 */
const methods: ReadonlySet<string> = new Set(
  (
    "ACL BIND CHECKOUT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY OPTIONS " +
    "PATCH POST PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE"
  ).split(" "),
);

function target(pattern: HttpRule["pattern"]): { method: string; path: string } {
  if (pattern.case === undefined)
    throw new RuleError("it names no HTTP method: set one of get, put, post, delete, patch, custom");
  if (pattern.case !== "custom") return { method: pattern.case.toUpperCase(), path: pattern.value };
  const { kind, path } = pattern.value;
  if (kind === "*" || methods.has(kind)) return { method: kind, path };
  const hint = methods.has(kind.toUpperCase()) ? `write ${quote(kind.toUpperCase())}` : `use one that it has, or "*"`;
  throw new RuleError(`custom kind ${quote(kind)} is no HTTP method that Node.js serves: ${hint}`);
}

function parse(path: string): PathTemplate {
  try {
    return parsePathTemplate(path);
  } catch (cause) {
    if (!(cause instanceof TemplateError)) throw cause;
    throw new RuleError(`path ${quote(path)}: ${cause.message}`, { cause });
  }
}

function checkVariables(path: string, variables: readonly PathVariable[], input: DescMessage): void {
  const oneofs = new Map<string, string>();
  for (const { field: fieldPath } of variables) {
    const where = `path ${quote(path)}: {${fieldPath}}`;
    let message: DescMessage | undefined = input;
    const before: string[] = [];
    for (const name of fieldPath.split(".")) {
      if (message === undefined)
        throw new RuleError(`${where}: ${before.join(".")} is no message, so it has no field ${name}`);
      const field = find(name, message, where);
      if (field.fieldKind === "list" || field.fieldKind === "map") {
        throw new RuleError(
          `${where}: ${name} is ${field.fieldKind === "list" ? "repeated" : "a map"}, and a path has one value: take it from the query or the body`,
        );
      }
      const alternatives = field.oneof && [...before, field.oneof.name].join(".");
      const rival = alternatives && oneofs.get(alternatives);
      if (alternatives && rival !== undefined && rival !== name)
        throw new RuleError(`${where}: ${rival} and ${name} are members of oneof ${field.oneof?.name}: keep one`);
      if (alternatives) oneofs.set(alternatives, name);
      message = field.message;
      before.push(name);
    }
    if (message !== undefined && !textual.has(message.typeName)) {
      throw new RuleError(
        `${where}: ${message.typeName} is a message that no path segment can hold: name one of its fields, as in {${fieldPath}.name}`,
      );
    }
  }
}

/** Messages that ProtoJSON writes as one plain value. */
const textual: ReadonlySet<string> = new Set(
  "Timestamp Duration FieldMask BoolValue BytesValue DoubleValue FloatValue Int32Value Int64Value StringValue UInt32Value UInt64Value"
    .split(" ")
    .map((name) => `google.protobuf.${name}`),
);

function topLevel(name: string, message: DescMessage, option: "body" | "response_body", whole: string): void {
  if (name.includes(".") || name === "*") {
    throw new RuleError(
      `${option} ${quote(name)} is not a field of ${message.typeName}: name one of its own fields, or write ${whole}`,
    );
  }
  find(name, message, `${option} ${quote(name)}`);
}

function find(name: string, message: DescMessage, where: string): DescField {
  const field = message.fields.find((candidate) => candidate.name === name);
  if (field) return field;
  const meant = message.fields.find((candidate) => candidate.jsonName === name);
  const hint = meant
    ? `write ${meant.name}, as the proto file does`
    : `it has ${message.fields.map((one) => one.name).join(", ") || "no fields"}`;
  throw new RuleError(`${where}: ${message.typeName} has no field ${name}: ${hint}`);
}

const quote = (text: string) => JSON.stringify(text);
