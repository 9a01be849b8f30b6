import type { DescMessage } from "@bufbuild/protobuf";
import type { Checked } from "./check.ts";
import { authField, claimAt, hasClaim } from "./claims.ts";
import { compare, equal, truthOf } from "./comparison.ts";
import { isIn, listOf, nonEmpty, sizeOf, some } from "./containers.ts";
import type { Fields } from "./fields.ts";
import { both, type Condition, choose, either, not, print, total } from "./logic.ts";
import { safeName } from "./names.ts";
import type { CallNode, MacroNode, Node, SelectNode } from "./parse.ts";
import type { Scope } from "./scope.ts";
import { joined, textTest } from "./strings.ts";
import { messageType } from "./types.ts";
import { giveUp, type Message, type Value } from "./value.ts";

/** What the names of a rule stand for: the variables of its macros. */
type Locals = ReadonlyMap<string, Value>;

/**
 * A rule as a TypeScript condition over `auth` and `request`, true exactly when CEL says true. `request` is the
 * message that the method gets. Throws `Untranslatable` for what should be left to an interpreter.
 */
export function translate(rule: Node, checked: Checked, scope: Scope, request: DescMessage, fields: Fields): string {
  return print(new Translator(checked, scope, request, fields).condition(rule, new Map()).yes);
}

class Translator {
  readonly #checked: Checked;
  readonly #scope: Scope;
  readonly #request: DescMessage;
  readonly #fields: Fields;

  constructor(checked: Checked, scope: Scope, request: DescMessage, fields: Fields) {
    this.#checked = checked;
    this.#scope = scope;
    this.#request = request;
    this.#fields = fields;
  }

  condition(node: Node, locals: Locals): Condition {
    if (node.kind === "call") return this.#call(node, locals);
    if (node.kind === "macro") return this.#macro(node, locals);
    if (node.kind === "select" && node.has) return this.#has(node, locals);
    return truthOf(this.#value(node, locals));
  }

  #call(node: CallNode, locals: Locals): Condition {
    const { name, target, args } = node;
    const [left, right, third] = args as [Node, Node, Node];
    const value = (operand: Node) => this.#value(operand, locals);
    switch (name) {
      case "_&&_":
        return both(this.condition(left, locals), this.condition(right, locals));
      case "_||_":
        return either(this.condition(left, locals), this.condition(right, locals));
      case "!_":
        return not(this.condition(left, locals));
      case "_?_:_":
        return choose(this.condition(left, locals), this.condition(right, locals), this.condition(third, locals));
      case "_==_":
        return equal(value(left), value(right));
      case "_!=_":
        return not(equal(value(left), value(right)));
      case "_<_":
        return compare("<", value(left), value(right));
      case "_<=_":
        return compare("<=", value(left), value(right));
      case "_>_":
        return compare(">", value(left), value(right));
      case "_>=_":
        return compare(">=", value(left), value(right));
      case "@in":
        return isIn(value(left), right.kind === "list" ? this.#constants(right.items) : value(right));
      case "startsWith":
      case "endsWith":
        return textTest(name, value(target as Node), value(left));
      case "contains":
        return textTest("includes", value(target as Node), value(left));
      default:
        return truthOf(this.#value(node, locals));
    }
  }

  #has({ of, field }: SelectNode, locals: Locals): Condition {
    const parent = this.#value(of, locals);
    if (parent.kind === "claim") return hasClaim(claimAt([...parent.path, field]));
    if (parent.kind === "map") return isIn({ kind: "constant", value: field }, parent);
    const desc = parent.kind === "message" ? parent.desc.fields.find(({ name }) => name === field) : undefined;
    if (!desc || parent.kind !== "message") return giveUp();
    const present = this.#fields.presence(parent, desc);
    if (present) return total(present.yes, present.no);
    const value = this.#fields.value(parent, desc);
    if (value.kind === "list") return nonEmpty(value);
    // Minus zero is no default.
    if (value.kind !== "scalar" || value.float) return giveUp();
    if (value.rep === "boolean") return truthOf(value);
    return not(equal(value, { kind: "constant", value: value.rep === "string" ? "" : 0n }));
  }

  #macro({ macro, range, variable, step }: MacroNode, locals: Locals): Condition {
    if (macro !== "exists" && macro !== "all") return giveUp();
    const list = range.kind === "list" ? this.#constants(range.items) : this.#value(range, locals);
    if (list.kind !== "list" || !safeName(variable) || locals.has(variable)) return giveUp();
    const item = itemOf(list.of, variable);
    const inner = this.condition(step, new Map([...locals, [variable, item]]));
    return macro === "exists" ? some(list, variable, inner) : not(some(list, variable, not(inner)));
  }

  #value(node: Node, locals: Locals): Value {
    const number = this.#checked.numbers.get(node);
    if (number !== undefined) return { kind: "constant", value: number };
    switch (node.kind) {
      case "bool":
      case "int":
      case "uint":
      case "double":
      case "string":
        return { kind: "constant", value: node.value };
      case "null":
        return { kind: "constant", value: null };
      case "name":
        return locals.get(node.name) ?? (node.name === "request" ? itemOf(this.#request, "request") : giveUp());
      case "select":
        return node.has ? giveUp() : this.#select(node, locals);
      case "call":
        return this.#function(node, locals);
      default:
        return giveUp();
    }
  }

  #select({ of, field }: SelectNode, locals: Locals): Value {
    if (of.kind === "name" && !locals.has(of.name)) {
      if (of.name === "auth") return authField(field);
      if (of.name === "method") return { kind: "constant", value: this.#scope.method[field] as string };
    }
    return this.#member(this.#value(of, locals), field);
  }

  #member(parent: Value, field: string): Value {
    if (parent.kind === "claim") return claimAt([...parent.path, field]);
    if (parent.kind === "map") return this.#entry(parent, field);
    const desc = parent.kind === "message" ? parent.desc.fields.find(({ name }) => name === field) : undefined;
    return desc ? this.#fields.value(parent as Message, desc) : giveUp();
  }

  /** Plain objects have some keys from birth. */
  #entry({ js, of }: Extract<Value, { kind: "map" }>, key: string): Value {
    return key in {} ? giveUp() : { kind: "entry", js: `${js}[${JSON.stringify(key)}]`, ...of };
  }

  #function({ name, target, args }: CallNode, locals: Locals): Value {
    const [left, right] = args as [Node, Node];
    if (name === "_[_]") {
      return right.kind === "string" ? this.#member(this.#value(left, locals), right.value) : giveUp();
    }
    if (name === "size") return sizeOf(this.#value(target ?? left, locals));
    if (name === "_+_") return joined(this.#value(left, locals), this.#value(right, locals));
    return giveUp();
  }

  #constants(items: readonly Node[]): Value {
    return listOf(
      items.map((item) => {
        const value = this.#value(item, new Map());
        return value.kind === "constant" ? value : giveUp();
      }),
    );
  }
}

/** The request or an item of a list, under a name. */
function itemOf(of: Extract<Value, { kind: "list" }>["of"], js: string): Value {
  if ("rep" in of) return { kind: "scalar", js, optional: false, ...of };
  return messageType(of).kind === "message" ? { kind: "message", js, optional: false, desc: of } : giveUp();
}
