import { type DescField, type DescMessage, getOption, type Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { Rules } from "./library.ts";

/** A message inside another one, and where. */
export interface Inner {
  readonly schema: DescMessage;
  readonly message: Message;
  readonly path: string;
}

/**
 * The messages that protovalidate 1.3 passes over: while it plans the rules of a message, a message inside that leads back
 * to it finds a plan that is still empty, and drops it. What is found here must be checked by itself.
 *
 * A test fails when the library no longer needs this.
 */
export class Cycles {
  readonly #rules: Rules;
  readonly #planned = new Map<DescMessage, "now" | "before">();
  readonly #dropped = new Set<DescField>();
  readonly #ways = new Map<DescMessage, readonly DescField[]>();

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** Follows the library in planning a message: to be called for each message that it plans, in the same order. */
  plan(schema: DescMessage): void {
    if (this.#planned.has(schema)) return;
    this.#planned.set(schema, "now");
    for (const field of schema.fields) {
      const inner = field.message;
      if (!inner || inner.file.proto.package === "google.protobuf") continue;
      // A message that holds itself is the one case that the library gets right.
      if (inner !== schema && this.#planned.get(inner) === "now") this.#dropped.add(field);
      else this.plan(inner);
    }
    this.#planned.set(schema, "before");
  }

  /** How to find what the library passes over in a message; undefined when it passes over nothing. Call it after `plan`. */
  finder(schema: DescMessage): ((message: Message) => Generator<Inner>) | undefined {
    return this.#waysOf(schema).length === 0 ? undefined : (message) => this.#find(reflect(schema, message), "");
  }

  *#find(message: ReflectMessage, path: string): Generator<Inner> {
    for (const field of this.#waysOf(message.desc)) {
      for (const [at, inner] of valuesOf(message, field)) {
        const where = `${path}${path === "" ? "" : "."}${field.name}${at}`;
        if (this.#dropped.has(field)) yield { schema: inner.desc, message: inner.message, path: where };
        yield* this.#find(inner, where);
      }
    }
  }

  /** The fields of a message that lead to dropped ones. */
  #waysOf(schema: DescMessage): readonly DescField[] {
    const known = this.#ways.get(schema);
    if (known) return known;
    const ways = schema.fields.filter((field) => this.#leads(field, new Set()));
    this.#ways.set(schema, ways);
    return ways;
  }

  #leads(field: DescField, seen: Set<DescField>): boolean {
    if (!field.message || seen.has(field) || this.#ignored(field)) return false;
    seen.add(field);
    return this.#dropped.has(field) || field.message.fields.some((inner) => this.#leads(inner, seen));
  }

  #ignored(field: DescField): boolean {
    const { ignore, type } = getOption(field, this.#rules.field);
    const inside = type.case === "repeated" ? type.value.items : type.case === "map" ? type.value.values : undefined;
    return [ignore, inside?.ignore].includes(this.#rules.Ignore.ALWAYS);
  }
}

function* valuesOf(message: ReflectMessage, field: DescField): Generator<readonly [string, ReflectMessage]> {
  if (!message.isSet(field)) return;
  if (field.fieldKind === "message") yield ["", message.get(field)];
  else if (field.fieldKind === "list") {
    for (const [index, item] of [...message.get(field)].entries()) yield [`[${index}]`, item as ReflectMessage];
  } else if (field.fieldKind === "map") {
    for (const item of message.get(field).values()) yield ["[]", item as ReflectMessage];
  }
}
