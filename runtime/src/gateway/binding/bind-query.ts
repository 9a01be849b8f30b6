import type { DescField, DescMessage, Registry } from "@bufbuild/protobuf";
import type { Route } from "../../core/spec.ts";
import { badRequest } from "../errors.ts";
import { type FieldPath, findField } from "./fields.ts";
import { parseQuery } from "./query.ts";
import { TextError } from "./text.ts";
import type { Tree } from "./tree.ts";
import { type TextWriter, textWriter } from "./write-text.ts";

/** The deepest field that a parameter may name, in steps. */
export const maxSteps = 16;

/** Writes the parameters of a query into a tree. `hasBody`: the route's body field was filled from the body. */
export type QueryBinder = (tree: Tree, query: string, hasBody: boolean) => void;

/**
 * Compiles how a route reads its query. Throws HttpError 400 for a parameter that its field cannot hold, for a
 * singular field given twice, for two members of a oneof, and under `REJECT` for one that names no field or a field
 * that the path or the body gives.
 */
export function compileQuery(
  route: Route,
  schema: DescMessage,
  registry: Registry,
  unknown: "IGNORE" | "REJECT",
): QueryBinder {
  if (route.body === "*" && unknown === "IGNORE") return () => {};
  const inPath = new Set(route.variables.map(({ field }) => field));
  const bodyField = schema.fields.find(({ name }) => name === route.body);

  const elsewhereOf = ({ name, parents, field }: FieldPath): string | undefined => {
    if (inPath.has(name)) return "is taken from the path";
    const isBody = route.body === "*" || (bodyField && (parents[0] ?? field) === bodyField);
    return isBody ? "is taken from the body" : undefined;
  };
  const writers = new Map<DescField, TextWriter>();
  // Fields inside of others, and keys of maps, are as many as callers can think of, so only what the request itself has is kept.
  const writerOf = (path: FieldPath): TextWriter => {
    if (path.parents.length > 0) return textWriter(path, registry, false);
    let writer = writers.get(path.field);
    if (!writer) {
      writer = textWriter(path, registry, false);
      writers.set(path.field, writer);
    }
    return writer;
  };
  const known = new Map<string, Parameter>();
  const parameterOf = (name: string): Parameter | undefined => {
    let parameter = known.get(name);
    if (parameter) return parameter;
    const found = resolve(schema, name);
    if (!found) return undefined;
    const { path, key } = found;
    const slot = key === undefined ? path.name : `${path.name}[${key}]`;
    const elsewhere = elsewhereOf(path);
    // What is never written has no writer.
    parameter = { path, key, slot, elsewhere, write: elsewhere === undefined ? writerOf(path) : () => {} };
    if (path.parents.length === 0 && key === undefined) known.set(name, parameter);
    return parameter;
  };

  return (tree, query, hasBody) => {
    if (query === "") return;
    const seen = new Set<string>();
    const chosen = new Map<string, DescField>();
    if (hasBody && bodyField?.oneof) chosen.set(bodyField.oneof.name, bodyField);

    for (const [name, text] of parseQuery(query)) {
      const parameter = parameterOf(name);
      if (parameter === undefined || parameter.elsewhere !== undefined) {
        if (unknown === "IGNORE") continue;
        throw badRequest(name, `${parameter?.elsewhere ?? "is no field of the request"}: remove it from the query`);
      }
      const { path, key, slot, write } = parameter;
      if (path.field.fieldKind !== "list") {
        if (seen.has(slot)) throw badRequest(name, "is given twice, and takes one value");
        seen.add(slot);
      }
      checkOneofs(name, path, chosen);
      try {
        write(tree, text, key);
      } catch (error) {
        throw error instanceof TextError ? badRequest(name, error.message, error) : error;
      }
    }
  };
}

/** What a parameter's name stands for. */
interface Parameter {
  readonly path: FieldPath;
  /** Of a map. */
  readonly key: string | undefined;
  /** What may be given once. */
  readonly slot: string;
  /** Why it is not read from the query; undefined when it is. */
  readonly elsewhere: string | undefined;
  readonly write: TextWriter;
}

/** The field that a parameter's name means, or undefined when there is none. `key`: of a map. */
function resolve(schema: DescMessage, name: string): { readonly path: FieldPath; readonly key?: string } | undefined {
  const bracket = name.indexOf("[");
  const steps = (bracket < 0 ? name : name.slice(0, bracket)).split(".", maxSteps + 1);
  if (steps.length > maxSteps) throw badRequest(name.slice(0, 100), `goes deeper than ${maxSteps} fields`);
  const lookup = findField(schema, steps);
  if (lookup.kind === "unknown") return undefined;
  if (lookup.kind === "blocked") throw badRequest(name, blockedBy(lookup.by));

  const { path } = lookup;
  const { fieldKind } = path.field;
  const key = bracket < 0 ? undefined : /^\[(.*)\]$/s.exec(name.slice(bracket))?.[1];
  if (fieldKind === "map") {
    if (key === undefined) throw badRequest(name, `is a map: write ${path.name}[key]=value`);
    return { path, key };
  }
  if (bracket >= 0)
    throw badRequest(name, fieldKind === "list" ? blockedBy(path.field) : "is no map, so it takes no [key]");
  return { path };
}

function blockedBy(field: DescField): string {
  if (field.fieldKind === "list" && field.listKind === "message")
    return `${field.name} is a list of messages, which a query cannot hold: send it in the body`;
  if (field.fieldKind === "list")
    return `${field.name} is a list: repeat the parameter, as in ${field.name}=a&${field.name}=b`;
  if (field.fieldKind === "map") return `${field.name} is a map: write ${field.name}[key]=value`;
  return `${field.name} has no fields that a query could name`;
}

function checkOneofs(parameter: string, { parents, field }: FieldPath, chosen: Map<string, DescField>): void {
  if (parents.length === 0 && !field.oneof) return;
  let before = "";
  for (const step of [...parents, field]) {
    if (step.oneof) {
      const slot = `${before}${step.oneof.name}`;
      const rival = chosen.get(slot);
      if (rival && rival !== step)
        throw badRequest(
          parameter,
          `excludes ${rival.name}, which is given too: they are members of oneof ${step.oneof.name}`,
        );
      chosen.set(slot, step);
    }
    before += `${step.name}.`;
  }
}
