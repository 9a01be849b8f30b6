import type { DescFile } from "@bufbuild/protobuf";
import { Locator } from "./locate.ts";
import type { Sources } from "./request.ts";

/** Where a problem is: an element or option of a proto file, by its path in the file's descriptor. */
export interface Place {
  readonly file: DescFile;
  /** Field numbers and indices from `google.protobuf.FileDescriptorProto` down. */
  readonly path: readonly number[];
  /** What users call it, such as `(mesh.v1.method).retry.attempts` or `acme.v1.Shop.GetOrder`. */
  readonly name: string;
}

/** A place in a file that is no proto file. */
export interface Position {
  /** The path as the user gave it. */
  readonly source: string;
  /** Counted from 1, as `column`. */
  readonly line: number;
  readonly column: number;
  /** What users call it. */
  readonly name: string;
}

interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What is wrong where, and the text that follows. */
  readonly name: string;
  readonly text: string;
  /** The methods that have it, when the place is above them. */
  readonly methods: Set<string>;
}

/** So many methods are named in one line. */
const mostMethods = 5;

/** All that a run finds wrong. Collected first and reported together, so that one run shows everything. */
export class Problems {
  readonly #errors = new Map<string, Problem>();
  readonly #warnings = new Map<string, Problem>();
  readonly #locator: Locator;
  #reports = 0;

  constructor(sources: Sources) {
    this.#locator = new Locator(sources);
  }

  /**
   * Reports what fails generation. `text` says what is wrong and the remedy, `rule` names the check, `method` the method that
   * has the problem when the place is above it; several methods make one line.
   */
  error(place: Place | Position, text: string, rule: string, method?: string): void {
    this.#reports++;
    this.#add(this.#errors, place, place.name, `${text} [${rule}]`, method);
  }

  /** Reports what is allowed, but should be looked at. */
  warning(place: Place | Position, text: string, rule: string, method?: string): void {
    this.#add(this.#warnings, place, `warning: ${place.name}`, `${text} [${rule}]`, method);
  }

  /** True once anything fails generation. */
  get failed(): boolean {
    return this.#reports > 0;
  }

  /** Whether work reported no error of its own, and what it returned. */
  watch<T>(work: () => T): { readonly result: T; readonly ok: boolean } {
    const before = this.#reports;
    const result = work();
    return { result, ok: this.#reports === before };
  }

  /** One line per error, by file and position: `path/file.proto:LINE:COLUMN: what`. */
  get errors(): string[] {
    return print(this.#errors);
  }

  /** One line per warning, like `errors`. */
  get warnings(): string[] {
    return print(this.#warnings);
  }

  #add(
    problems: Map<string, Problem>,
    place: Place | Position,
    name: string,
    text: string,
    method: string | undefined,
  ): void {
    const { line, column } = "source" in place ? place : this.#locator.locate(place);
    const file = "source" in place ? place.source : place.file.proto.name;
    const key = `${file}:${line}:${column}: ${name}: ${text}`;
    const problem = problems.get(key) ?? { file, line, column, name, text, methods: new Set() };
    if (method !== undefined) problem.methods.add(method);
    problems.set(key, problem);
  }
}

function print(problems: ReadonlyMap<string, Problem>): string[] {
  const order = [...problems].sort(
    ([one, a], [other, b]) => compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(one, other),
  );
  return order.map(
    ([, { file, line, column, name, text, methods }]) => `${file}:${line}:${column}: ${name}${of(methods)}: ${text}`,
  );
}

function of(methods: ReadonlySet<string>): string {
  if (methods.size === 0) return "";
  const named = [...methods].slice(0, mostMethods).join(", ");
  return ` of ${named}${methods.size > mostMethods ? ` and ${methods.size - mostMethods} more` : ""}`;
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
