import type { Route } from "@protomesh/runtime";

/** A parameter of a path. */
export interface PathParameter {
  readonly name: string;
  /** The field that it is, or is a part of; undefined for a wildcard that no field takes. */
  readonly field: string | undefined;
  /** Whether the parameter is the field's whole value. */
  readonly whole: boolean;
  /** Whether it may have slashes, which are sent as they are. */
  readonly wide: boolean;
  /** What the field's value looks like, such as `shelves/{shelf}`, when the parameter is only a part of it. */
  readonly pattern: string | undefined;
}

/** The path of a route as OpenAPI has it. */
export interface Path {
  /** The path with `{name}` for parameters. */
  readonly text: string;
  /** The same without the parameters' names: OpenAPI takes paths of one shape for one. */
  readonly shape: string;
  readonly parameters: readonly PathParameter[];
}

/**
 * Spreads a template's variables into parameters of one segment each, named after the collection before them:
 * `/v1/{name=shelves/*}:open` becomes `/v1/shelves/{shelf}:open`. OpenAPI has no parameters across segments, so what a `**`
 * takes is marked instead.
 */
export function expandPath({ segments, variables, verb }: Route, jsonName: (field: string) => string): Path {
  const parameters: PathParameter[] = [];
  const taken = new Set<string>();
  const texts = segments.map((segment, index) => {
    if (segment !== "*" && segment !== "**") return segment;
    const variable = variables.find(({ from, to }) => from <= index && index < to);
    const whole = variable !== undefined && variable.to - variable.from === 1;
    const name = unused(whole ? jsonName(variable.field) : nameAfter(segments[index - 1]), taken);
    taken.add(name);
    parameters.push({ name, field: variable?.field, whole, wide: segment === "**", pattern: undefined });
    return `{${name}}`;
  });
  const path = `/${texts.join("/")}${verb === undefined ? "" : `:${verb}`}`;
  return {
    text: path,
    shape: path.replace(/\{[^}]*\}/g, "{}"),
    parameters: parameters.map((parameter) => {
      const variable = variables.find(({ field }) => field === parameter.field);
      if (!variable || parameter.whole) return parameter;
      return { ...parameter, pattern: texts.slice(variable.from, variable.to).join("/") };
    }),
  };
}

/** The same path under the names that another path of its shape has. */
export function renamed({ shape, parameters }: Path, { text, parameters: others }: Path): Path {
  const names = new Map(parameters.map(({ name }, index) => [name, others[index]?.name ?? name]));
  const rename = (template: string) => template.replace(/\{([^}]*)\}/g, (_, name) => `{${names.get(name)}}`);
  const called = parameters.map((parameter) => ({
    ...parameter,
    name: names.get(parameter.name) as string,
    pattern: parameter.pattern === undefined ? undefined : rename(parameter.pattern),
  }));
  return { text, shape, parameters: called };
}

/** One of a collection: `shelf` for `shelves`. */
function nameAfter(segment: string | undefined): string {
  if (segment === undefined || !/^[A-Za-z_][\w-]*$/.test(segment)) return "path";
  const word = segment.replaceAll("-", "_");
  const singular: readonly (readonly [RegExp, string])[] = [
    [/ies$/, "y"],
    [/(el|al|ol|ar)ves$/, "$1f"],
    [/(x|ch|sh|ss)es$/, "$1"],
    [/([^su])s$/, "$1"],
  ];
  const [ending, replacement] = singular.find(([pattern]) => pattern.test(word)) ?? [/$/, ""];
  return word.replace(ending, replacement);
}

function unused(name: string, taken: ReadonlySet<string>): string {
  let candidate = name;
  for (let number = 2; taken.has(candidate); number++) candidate = `${name}_${number}`;
  return candidate;
}
