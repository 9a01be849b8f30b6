import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import type { Route } from "@protomesh/runtime";
import { http } from "./gen/google/api/annotations_pb.js";
import { HttpRuleError, parseHttpRule, routeConflicts, routeWarnings } from "./http-rule.ts";
import { kindOf } from "./method.ts";
import type { Place, Problems } from "./problems.ts";

// Numbers of MethodDescriptorProto.options and HttpRule.additional_bindings.
const optionsField = 4;
const additionalBindings = 11;

interface Declared {
  readonly place: Place;
  readonly path: string;
  readonly routes: readonly Route[];
}

/** Reads the routes of one file's methods. Reports rules that cannot be served, and routes that hide each other. */
export class Routes {
  readonly #problems: Problems;
  readonly #declared: Declared[] = [];

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  /** The routes of a method, in the order of its rule. */
  of(method: DescMethod, { file, path }: Place): readonly Route[] {
    if (!hasOption(method, http)) return [];
    const place = { file, path: [...path, optionsField, http.number], name: "(google.api.http)" };
    try {
      const { input, output } = method;
      const routes = parseHttpRule(getOption(method, http), { input, output, kind: kindOf(method) });
      for (const warning of routes.flatMap(routeWarnings)) this.#problems.warning(place, warning, "http/interop");
      this.#declared.push({ place, path: `/${method.parent.typeName}/${method.name}`, routes });
      return routes;
    } catch (error) {
      if (!(error instanceof HttpRuleError)) throw error;
      const { binding, cause } = error;
      const at = binding === 0 ? [] : [additionalBindings, binding - 1];
      const name = `${place.name}${binding === 0 ? "" : `.additional_bindings[${binding - 1}]`}`;
      // The cause says the same without naming the option, which the place does.
      const text = cause instanceof Error ? cause.message : error.message;
      this.#problems.error({ file, path: [...place.path, ...at], name }, text, "http/rule");
      return [];
    }
  }

  /**
   * Reports routes of the file that no request could tell apart, where the later one is declared. Published APIs have
   * such routes, and their users cannot change them: hence a warning.
   */
  check(): void {
    const all = this.#declared.flatMap(entries);
    if (routeConflicts(all).length === 0) return;
    const before: ReturnType<typeof entries> = [];
    let known = 0;
    for (const declared of this.#declared) {
      before.push(...entries(declared));
      const conflicts = routeConflicts(before);
      for (const text of conflicts.slice(known)) this.#problems.warning(declared.place, text, "http/conflict");
      known = conflicts.length;
    }
  }
}

const entries = ({ path, routes }: Declared) => routes.map((route) => ({ path, route }));
