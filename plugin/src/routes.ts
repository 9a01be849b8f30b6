import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import type { Route } from "@protomesh/runtime";
import { http } from "./gen/google/api/annotations_pb.js";
import {
  defaultRoute,
  type HttpRule,
  HttpRuleError,
  parseHttpRule,
  RouteConflicts,
  routeWarnings,
} from "./http-rule.ts";
import { kindOf } from "./method.ts";
import type { Place, Position, Problems } from "./problems.ts";

// Numbers of FileDescriptorProto.service, ServiceDescriptorProto.method, MethodDescriptorProto.options and
// HttpRule.additional_bindings.
const serviceField = 6;
const methodField = 2;
const optionsField = 4;
const additionalBindings = 11;

/** A rule that stands outside the proto file. */
export interface ExternalRule {
  readonly rule: HttpRule;
  /** Where it is: 0 for the rule itself, 1 for its first additional binding, and so on. */
  placeOf(binding: number): Position;
}

/** Where the routes of methods come from, besides their annotations. */
export interface RouteSources {
  /** Rules by the full name of their method. They replace annotations. */
  readonly external: ReadonlyMap<string, ExternalRule>;
  /** Whether a method without any rule gets a route of its own. */
  readonly unannotated: boolean;
}

/** Reads the routes of the methods of one run. Reports rules that cannot be served, and routes that hide each other. */
export class Routes {
  readonly #problems: Problems;
  readonly #sources: RouteSources;
  readonly #conflicts = new RouteConflicts();

  constructor(problems: Problems, sources: RouteSources) {
    this.#problems = problems;
    this.#sources = sources;
  }

  /**
   * The routes of a method, in the order of its rule. Routes that no request could tell from earlier ones of the run are
   * reported, too. Published APIs have such routes, and their users cannot change them: hence a warning.
   */
  of(method: DescMethod, place: Place): readonly Route[] {
    const external = this.#sources.external.get(`${method.parent.typeName}.${method.name}`);
    if (external) return this.#parse(method, external.rule, (binding) => external.placeOf(binding));
    if (hasOption(method, http)) {
      const path = [...place.path, optionsField, http.number];
      return this.#parse(method, getOption(method, http), (binding) => ({
        file: place.file,
        path: binding === 0 ? path : [...path, additionalBindings, binding - 1],
        name: `(google.api.http)${binding === 0 ? "" : `.additional_bindings[${binding - 1}]`}`,
      }));
    }
    if (!this.#sources.unannotated) return [];
    const route = defaultRoute(method.parent.typeName, method.name);
    this.#check(method, [route], place);
    return [route];
  }

  #parse(method: DescMethod, rule: HttpRule, placeOf: (binding: number) => Place | Position): readonly Route[] {
    try {
      const { input, output } = method;
      const routes = parseHttpRule(rule, { input, output, kind: kindOf(method) });
      for (const warning of routes.flatMap(routeWarnings)) this.#problems.warning(placeOf(0), warning, "http/interop");
      this.#check(method, routes, placeOf(0));
      return routes;
    } catch (error) {
      if (!(error instanceof HttpRuleError)) throw error;
      const { binding, cause } = error;
      // The cause says the same without naming the option, which the place does.
      const text = cause instanceof Error ? cause.message : error.message;
      this.#problems.error(placeOf(binding), text, "http/rule");
      return [];
    }
  }

  #check({ parent, name }: DescMethod, routes: readonly Route[], place: Place | Position): void {
    for (const route of routes) {
      const conflict = this.#conflicts.add(`/${parent.typeName}/${name}`, route);
      if (conflict !== undefined) this.#problems.warning(place, conflict, "http/conflict");
    }
  }
}

/** Where a route of a method is, by its number; the method itself when it has no annotation. */
export function placeOfRoute(method: DescMethod, binding: number): Place {
  const { parent, name } = method;
  const path = [
    ...[serviceField, parent.file.services.indexOf(parent), methodField, parent.methods.indexOf(method)],
    ...[optionsField, http.number],
    ...(binding === 0 ? [] : [additionalBindings, binding - 1]),
  ];
  return { file: parent.file, path, name: `${parent.typeName}.${name}` };
}
