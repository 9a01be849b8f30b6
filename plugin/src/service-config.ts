import { readFileSync } from "node:fs";
import type { Node, Pair, YAMLMap } from "yaml";
import { closest } from "./closest.ts";
import { GenerationError } from "./generation-error.ts";
import type { HttpRule } from "./http-rule.ts";
import { yaml } from "./load-yaml.ts";
import type { Position, Problems } from "./problems.ts";
import type { ExternalRule } from "./routes.ts";

/** The parts of a google.api.Service. All but `http` say nothing about routes. Source: google/api/service.proto. */
const serviceKeys = (
  "type config_version name id title producer_project_id apis types enums documentation backend http quota authentication " +
  "context usage endpoints control logs metrics monitored_resources billing logging monitoring system_parameters " +
  "source_info publishing custom_error visibility"
).split(" ");
const methods = ["get", "put", "post", "delete", "patch"] as const;
const ruleKeys = ["selector", ...methods, "custom", "body", "response_body", "additional_bindings"];

/** Reads a file. Throws `GenerationError` when it cannot be read. */
export function readServiceConfig(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new GenerationError(
      `parameter grpc_api_configuration=${path} cannot be read (${code}): give a path from the folder in which the compiler runs`,
    );
  }
}

/**
 * Adds the rules of a gRPC API configuration, `type: google.api.Service` with `http.rules` in YAML or JSON, to `rules`, by the
 * full name of their method; `known` are those of the run.
 *
 * Reports what is wrong with its position in the file. Source: google/api/service.proto; grpc-gateway, "gRPC API Configuration".
 */
export function parseServiceConfig(
  source: string,
  text: string,
  known: readonly string[],
  rules: Map<string, ExternalRule>,
  problems: Problems,
): void {
  new Reader(source, text, known, problems).read(rules);
}

class Reader {
  readonly #source: string;
  readonly #text: string;
  readonly #methods: readonly string[];
  readonly #problems: Problems;
  readonly #lines = new (yaml().LineCounter)();

  constructor(source: string, text: string, known: readonly string[], problems: Problems) {
    this.#source = source;
    this.#text = text;
    this.#methods = known;
    this.#problems = problems;
  }

  read(rules: Map<string, ExternalRule>): void {
    const document = yaml().parseDocument(this.#text, { lineCounter: this.#lines, prettyErrors: false });
    for (const { message, pos } of document.errors) this.#error(pos[0], "the file", `is no YAML: ${message}`);
    if (document.errors.length > 0) return;
    const root = document.contents as Node | null;
    const top = this.#fields(root, "the file", serviceKeys);
    const type = top.get("type");
    if (type && (!yaml().isScalar(type.value) || type.value.value !== "google.api.Service"))
      this.#error(startOf(type), "type", "must be google.api.Service: correct it, or give another file");
    if (root && !type && yaml().isMap(root))
      this.#error(startOf(root), "type", "is missing: write type: google.api.Service");
    const http = this.#fields(top.get("http")?.value as Node, "http", ["rules", "fully_decode_reserved_expansion"]);
    const decode = http.get("fully_decode_reserved_expansion");
    if (yaml().isScalar(decode?.value) && decode.value.value === true) {
      const text =
        "is not supported: %2F stays as it is in variables of several segments, as google/api/http.proto says";
      this.#error(startOf(decode), "http.fully_decode_reserved_expansion", text);
    }
    for (const [index, item] of this.#items(http.get("rules"), "http.rules").entries())
      this.#rule(item, `http.rules[${index}]`, rules);
  }

  #rule(node: Node, name: string, rules: Map<string, ExternalRule>): void {
    const places: Position[] = [];
    const selector = this.#selector(node, name, rules);
    const { result: rule, ok } = this.#problems.watch(() => this.#binding(node, name, places, true));
    if (selector === undefined || rule === undefined || !ok) return;
    const [first] = places as [Position];
    rules.set(selector, { rule, placeOf: (binding) => places[binding] ?? first });
  }

  /** The method that a rule is for. */
  #selector(node: Node, name: string, rules: ReadonlyMap<string, ExternalRule>): string | undefined {
    if (!yaml().isMap(node)) return undefined;
    const pair = node.items.find((item) => keyOf(item) === "selector");
    const text = pair && this.#string(pair, `${name}.selector`);
    if (!pair)
      this.#error(startOf(node), `${name}.selector`, "is missing: name a method, such as acme.shop.v1.Shop.GetOrder");
    if (!pair || text === undefined) return undefined;
    const at = startOf(pair);
    if (/[*,\s]/.test(text))
      this.#error(at, `${name}.selector`, `${JSON.stringify(text)} names several methods: write a rule for each`);
    else if (!this.#methods.includes(text)) {
      const meant = closest(text, this.#methods);
      const hint = meant
        ? `did you mean ${meant}?`
        : "correct it, or generate the file that has it in the same run (buf: strategy: all)";
      this.#error(at, `${name}.selector`, `no method is called ${JSON.stringify(text)}: ${hint}`);
    } else if (rules.has(text))
      this.#error(at, `${name}.selector`, `${text} has a rule already: put this one into its additional_bindings`);
    else return text;
    return undefined;
  }

  #binding(node: Node, name: string, places: Position[], outer: boolean): HttpRule | undefined {
    const fields = this.#fields(node, name, ruleKeys);
    if (!yaml().isMap(node)) return undefined;
    const patterns = [...methods, "custom" as const].filter((key) => fields.has(key));
    const [chosen, second] = patterns;
    const main = chosen && fields.get(chosen);
    if (second !== undefined)
      this.#error(
        startOf(fields.get(second) as Pair),
        name,
        `has ${patterns.join(" and ")}: write one, and the others as additional_bindings`,
      );
    places.push(this.#place(main ? startOf(main) : startOf(node), name));
    const text = (key: string) => {
      const pair = fields.get(key);
      return pair ? (this.#string(pair, `${name}.${key}`) ?? "") : "";
    };
    if (!outer && fields.has("selector"))
      this.#error(
        startOf(fields.get("selector") as Pair),
        `${name}.selector`,
        "belongs to the rule around it: remove it here",
      );
    const inner = this.#items(fields.get("additional_bindings"), `${name}.additional_bindings`);
    return {
      pattern:
        chosen === "custom"
          ? this.#custom(main as Pair, name)
          : chosen
            ? { case: chosen, value: text(chosen) }
            : { case: undefined },
      body: text("body"),
      responseBody: text("response_body"),
      additionalBindings: inner.flatMap(
        (one, index) => this.#binding(one, `${name}.additional_bindings[${index}]`, places, false) ?? [],
      ),
    };
  }

  #custom(pair: Pair, name: string): HttpRule["pattern"] {
    const fields = this.#fields(pair.value as Node, `${name}.custom`, ["kind", "path"]);
    const [kind, path] = ["kind", "path"].map((key) => {
      const field = fields.get(key);
      return field ? (this.#string(field, `${name}.custom.${key}`) ?? "") : "";
    }) as [string, string];
    return { case: "custom", value: { kind, path } };
  }

  /** The fields of a mapping by their proto names; JSON names are accepted, as ProtoJSON does. */
  #fields(node: Node | null | undefined, name: string, known: readonly string[]): Map<string, Pair> {
    const fields = new Map<string, Pair>();
    if (node === undefined || node === null) return fields;
    if (!yaml().isMap(node)) {
      this.#error(startOf(node), name, "must be a mapping of keys to values");
      return fields;
    }
    for (const pair of (node as YAMLMap).items) {
      const given = keyOf(pair);
      const key = given.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      if (known.includes(key)) fields.set(key, pair);
      else {
        const meant = closest(key, known);
        const hint = meant ? `did you mean ${meant}?` : `known are ${known.join(", ")}`;
        this.#error(startOf(pair), name, `has an unknown key ${given}: ${hint}`);
      }
    }
    return fields;
  }

  #items(pair: Pair | undefined, name: string): Node[] {
    if (!pair || (yaml().isScalar(pair.value) && pair.value.value === null)) return [];
    if (yaml().isSeq(pair.value)) return pair.value.items as Node[];
    this.#error(startOf(pair), name, "must be a list");
    return [];
  }

  #string(pair: Pair, name: string): string | undefined {
    if (yaml().isScalar(pair.value) && typeof pair.value.value === "string") return pair.value.value;
    this.#error(startOf(pair), name, "must be text");
    return undefined;
  }

  #error(offset: number, name: string, text: string): void {
    this.#problems.error(this.#place(offset, name), text, "http/config");
  }

  #place(offset: number, name: string): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { source: this.#source, line, column: col, name };
  }
}

const keyOf = ({ key }: Pair): string => String(yaml().isScalar(key) ? key.value : key);

/** Where a node, or the key of a pair, begins. */
function startOf(node: Node | Pair): number {
  const at = "key" in node ? (node.key as Node) : node;
  return at.range?.[0] ?? 0;
}
