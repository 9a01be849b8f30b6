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

interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** All that a run finds wrong. Collected first and reported together, so that one run shows everything. */
export class Problems {
  readonly #errors = new Map<string, Problem>();
  readonly #warnings = new Map<string, Problem>();
  readonly #locator: Locator;
  #reports = 0;

  constructor(sources: Sources) {
    this.#locator = new Locator(sources);
  }

  /** Reports what fails generation. `text` says what is wrong and the remedy, `rule` names the check. */
  error(place: Place, text: string, rule: string): void {
    this.#reports++;
    this.#add(this.#errors, place, `${place.name}: ${text} [${rule}]`);
  }

  /** Reports what is allowed, but should be looked at. */
  warning(place: Place, text: string, rule: string): void {
    this.#add(this.#warnings, place, `warning: ${place.name}: ${text} [${rule}]`);
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

  #add(problems: Map<string, Problem>, place: Place, text: string): void {
    const { line, column } = this.#locator.locate(place);
    const file = place.file.proto.name;
    problems.set(`${file}:${line}:${column}: ${text}`, { file, line, column, text });
  }
}

function print(problems: ReadonlyMap<string, Problem>): string[] {
  const order = [...problems].sort(
    ([, a], [, b]) => compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.text, b.text),
  );
  return order.map(([line]) => line);
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
