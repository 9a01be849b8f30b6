import { closest } from "../closest.ts";
import { fits, functions, type Overload } from "./functions.ts";
import { type CallNode, type MacroNode, type Node, RuleError, type SelectNode } from "./parse.ts";
import type { Scope } from "./scope.ts";
import { fieldType, simple, type Type, typeName } from "./types.ts";

/** What the check found out about the parts of a rule. */
export interface Checked {
  readonly types: ReadonlyMap<Node, Type>;
  /** The values of names of enum values. */
  readonly numbers: ReadonlyMap<Node, bigint>;
}

/**
 * Finds out the types in a rule. Throws `RuleError` for a name, field or function that does not exist, for types that
 * do not go together, and for a result that is no bool.
 */
export function checkRule(rule: Node, scope: Scope): Checked {
  const checker = new Checker(scope);
  const result = checker.check(rule, new Map());
  if (!isBool(result)) throw new RuleError(`is of the type ${typeName(result)}: write a condition, which is a bool`);
  return checker;
}

type Locals = ReadonlyMap<string, Type>;

const dyn = simple("dyn");
const bool = simple("bool");

class Checker implements Checked {
  readonly types = new Map<Node, Type>();
  readonly numbers = new Map<Node, bigint>();
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  check(node: Node, locals: Locals): Type {
    const type = this.#typeOf(node, locals);
    this.types.set(node, type);
    return type;
  }

  #typeOf(node: Node, locals: Locals): Type {
    switch (node.kind) {
      case "name":
        return this.#name(node, node.name, locals);
      case "select":
        return this.#select(node, locals);
      case "call":
        return this.#call(node, locals);
      case "macro":
        return this.#macro(node, locals);
      case "list":
        return { kind: "list", of: joined(node.items.map((item) => this.check(item, locals))) };
      case "map": {
        const keys = node.entries.map(({ key }) => this.check(key, locals));
        const values = node.entries.map(({ value }) => this.check(value, locals));
        return { kind: "map", key: joined(keys), value: joined(values) };
      }
      case "message":
        if (this.#scope.named(node.name) !== "type") throw new RuleError(`names no type with ${node.name}`);
        for (const { value } of node.fields) this.check(value, locals);
        return dyn;
      default:
        return simple(node.kind);
    }
  }

  #name(node: Node, name: string, locals: Locals): Type {
    const variable = locals.get(name) ?? this.#scope.variables.get(name);
    if (variable) return variable;
    const named = this.#named(node, name);
    if (named) return named;
    throw new RuleError(
      `names ${JSON.stringify(name)}, which does not exist: ${meant(name, [...locals.keys(), ...this.#scope.variables.keys()])}`,
    );
  }

  #named(node: Node, name: string): Type | undefined {
    const named = this.#scope.named(name);
    if (typeof named !== "bigint") return named && simple("type");
    this.numbers.set(node, named);
    return simple("int");
  }

  #select(node: SelectNode, locals: Locals): Type {
    const path = pathOf(node);
    const [root = ""] = path ?? [];
    if (path && !locals.has(root) && !this.#scope.variables.has(root)) {
      const named = this.#named(node, path.join("."));
      if (named) return named;
    }
    const of = this.check(node.of, locals);
    const field = fieldOf(of, node);
    return node.has ? bool : field;
  }

  #call(node: CallNode, locals: Locals): Type {
    const { name } = node;
    const target = node.target && this.check(node.target, locals);
    const args = node.args.map((arg) => this.check(arg, locals));
    const [left = dyn, right = dyn, third = dyn] = args;
    switch (name) {
      case "_&&_":
      case "_||_":
        for (const type of args) condition(type, sign(name));
        return bool;
      case "_?_:_":
        condition(left, "the condition before ?");
        return joined([right, third]);
      case "_==_":
      case "_!=_":
        if (!comparable(left, right)) {
          throw new RuleError(
            `compares ${typeName(left)} with ${typeName(right)}, which are never equal: compare alike`,
          );
        }
        return bool;
      case "@in":
        return this.#in(left, right);
      case "_[_]":
        return itemOf(left, right);
      default:
        return overloaded(name, target, args);
    }
  }

  #in(item: Type, container: Type): Type {
    const known =
      container.kind === "list"
        ? container.of
        : container.kind === "map"
          ? container.key
          : (undefined as Type | undefined);
    if (!known && container.kind !== "dyn") {
      throw new RuleError(`asks for something in ${one(container)}: "in" is for lists and maps`);
    }
    if (known && !comparable(item, known)) {
      throw new RuleError(`asks for ${one(item)} in ${one(container)}, where there can be none`);
    }
    return bool;
  }

  #macro({ macro, range, variable, step, filter }: MacroNode, locals: Locals): Type {
    const of = this.check(range, locals);
    const item = of.kind === "list" ? of.of : of.kind === "map" ? of.key : of.kind === "dyn" ? dyn : undefined;
    if (!item) throw new RuleError(`goes through ${one(of)} with ${macro}: only lists and maps have items`);
    const inner = new Map([...locals, [variable, item]]);
    if (filter) condition(this.check(filter, inner), "the condition of map");
    const result = this.check(step, inner);
    if (macro === "map") return { kind: "list", of: result };
    condition(result, `the condition of ${macro}`);
    return macro === "filter" ? { kind: "list", of: item } : bool;
  }
}

/** The names of `a.b.c`; undefined for anything else. */
function pathOf(node: Node): string[] | undefined {
  if (node.kind === "name") return [node.name];
  if (node.kind !== "select" || node.has) return undefined;
  const path = pathOf(node.of);
  return path && [...path, node.field];
}

function fieldOf(of: Type, { field }: SelectNode): Type {
  if (of.kind === "dyn") return dyn;
  if (of.kind === "map" && fits(simple("string"), parameterOf(of.key))) return of.value;
  if (of.kind === "record") {
    const found = of.fields.get(field);
    if (found) return found;
    throw new RuleError(`reads ${of.name}.${field}, which does not exist: ${meant(field, of.fields.keys())}`);
  }
  if (of.kind === "message") {
    const found = of.desc.fields.find(({ name }) => name === field);
    if (found) return fieldType(found);
    const names = of.desc.fields.map(({ name }) => name);
    const remedy = names.length === 0 ? "it has no fields" : meant(field, names);
    throw new RuleError(`reads the field ${field}, which ${of.desc.typeName} does not have: ${remedy}`);
  }
  throw new RuleError(`reads the field ${field} of ${one(of)}, which has no fields`);
}

function itemOf(of: Type, index: Type): Type {
  if (of.kind === "dyn") return dyn;
  const known = of.kind === "list" ? simple("int") : of.kind === "map" ? of.key : undefined;
  if (!known || !comparable(index, known)) {
    throw new RuleError(`looks up ${one(index)} in ${one(of)}, which has nothing under one`);
  }
  return of.kind === "list" ? of.of : of.kind === "map" ? of.value : dyn;
}

function overloaded(name: string, target: Type | undefined, args: readonly Type[]): Type {
  const overloads = functions.get(name);
  if (!overloads) {
    throw new RuleError(`calls ${name}, which CEL does not have: ${meant(name, functions.keys())}`);
  }
  const fitting = overloads.filter((one) => accepts(one, target, args));
  if (fitting.length === 0) {
    const given = args.map(typeName).join(", ");
    throw new RuleError(
      `has ${sign(name)} for ${target ? `${typeName(target)}.(${given})` : given || "nothing"}, where CEL has none: use types that go together`,
    );
  }
  return joined(fitting.map(({ result }) => result));
}

const accepts = (overload: Overload, target: Type | undefined, args: readonly Type[]): boolean =>
  (overload.target === undefined) === (target === undefined) &&
  (target === undefined || fits(target, overload.target as "dyn")) &&
  overload.args.length === args.length &&
  overload.args.every((parameter, n) => fits(args[n] as Type, parameter));

const parameterOf = (type: Type) => type.kind as Parameters<typeof fits>[1];

/** How a rule writes an operator; functions are written as they are called. */
const sign = (name: string): string => name.replace(/^[_-]?_?(.*?)_?$/, (_, inner) => inner || "-");

const isBool = (type: Type) => fits(type, "bool");

function condition(type: Type, where: string): void {
  if (!isBool(type)) throw new RuleError(`has ${one(type)} as ${where}: a bool belongs there`);
}

const numeric = (type: Type) => type.kind === "int" || type.kind === "uint" || type.kind === "double";

/** Whether two values may be equal. */
function comparable(a: Type, b: Type): boolean {
  if (a.kind === "dyn" || b.kind === "dyn") return true;
  if (a.kind === "wrapper") return b.kind === "null" || comparable(a.of, b);
  if (b.kind === "wrapper") return comparable(b, a);
  if (numeric(a) && numeric(b)) return true;
  if (a.kind === "list" && b.kind === "list") return comparable(a.of, b.of);
  if (a.kind === "map" && b.kind === "map") return comparable(a.key, b.key) && comparable(a.value, b.value);
  if (a.kind === "message" && b.kind === "message") return a.desc.typeName === b.desc.typeName;
  return a.kind === b.kind;
}

/** The type of something that is of one of several types. */
function joined(types: readonly Type[]): Type {
  const [first = dyn, ...rest] = types;
  return rest.every((type) => typeName(type) === typeName(first) && type.kind === first.kind) ? first : dyn;
}

/** A type with its article. */
const one = (type: Type) => `${type.kind === "int" ? "an" : "a"} ${typeName(type)}`;

function meant(word: string, known: Iterable<string>): string {
  const names = [...known];
  const near = closest(word, names);
  return near === undefined ? `use ${names.filter((name) => /^[a-z]/.test(name)).join(", ")}` : `did you mean ${near}?`;
}
