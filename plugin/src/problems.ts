import type { DescFile } from "@bufbuild/protobuf";
import { Locator } from "./locate.ts";
import { oneLine } from "./one-line.ts";
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

/** Something that is wrong, or should be looked at. */
export interface Finding {
  readonly severity: "error" | "warning";
  /** The check that found it, such as `retry/needs-idempotency`. */
  readonly rule: string;
  /** The proto file as imports name it, or another file as the user gave it. */
  readonly file: string;
  /** Counted from 1, as `column`. */
  readonly line: number;
  readonly column: number;
  /** What it is about, and the methods that have it when that is above them. */
  readonly subject: string;
  /** What is wrong, and the remedy. */
  readonly text: string;
  /** Where it is in the file's descriptor: the closest element that the source information knows. Absent: no proto file. */
  readonly path?: readonly number[] | undefined;
}

interface Problem extends Finding {
  /** The methods that have it, when the place is above them. */
  readonly methods: Set<string>;
}

/** So many methods are named in one line. */
const mostMethods = 5;

/** All that a run finds wrong. Collected first and reported together, so that one run shows everything. */
export class Problems {
  readonly #found = new Map<string, Problem>();
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
    this.#add("error", place, text, rule, method);
  }

  /** Reports what is allowed, but should be looked at. */
  warning(place: Place | Position, text: string, rule: string, method?: string): void {
    this.#add("warning", place, text, rule, method);
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

  /** Everything that was reported, by file and position. */
  get findings(): Finding[] {
    const order = [...this.#found].sort(
      ([one, a], [other, b]) =>
        compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(one, other),
    );
    return order.map(([, { methods, subject, ...finding }]) => ({ ...finding, subject: `${subject}${of(methods)}` }));
  }

  /** Where a place begins: the file as imports name it, and the position as a finding there would have it. */
  locate(place: Place): Pick<Finding, "file" | "line" | "column"> {
    const { line, column } = this.#locator.locate(place);
    return { file: place.file.proto.name, line, column };
  }

  /** One line per error, by file and position: `path/file.proto:LINE:COLUMN: what`. */
  get errors(): string[] {
    return this.findings.filter(({ severity }) => severity === "error").map(lineOf);
  }

  /** One line per warning, like `errors`. */
  get warnings(): string[] {
    return this.findings.filter(({ severity }) => severity === "warning").map(lineOf);
  }

  #add(
    severity: Finding["severity"],
    place: Place | Position,
    said: string,
    rule: string,
    method: string | undefined,
  ): void {
    const text = oneLine(said);
    const { line, column, path } = "source" in place ? { ...place, path: undefined } : this.#locator.locate(place);
    const file = "source" in place ? place.source : place.file.proto.name;
    const key = `${file}:${line}:${column}: ${place.name}: ${text} ${rule} ${severity}`;
    const problem = this.#found.get(key) ?? {
      severity,
      rule,
      file,
      line,
      column,
      subject: place.name,
      text,
      path,
      methods: new Set(),
    };
    if (method !== undefined) problem.methods.add(method);
    this.#found.set(key, problem);
  }
}

/** A finding as compilers print it: `path/file.proto:LINE:COLUMN: [warning: ]what: text [rule]`. */
export function lineOf({ file, line, column, severity, subject, text, rule }: Finding): string {
  return `${file}:${line}:${column}: ${severity === "warning" ? "warning: " : ""}${subject}: ${text} [${rule}]`;
}

function of(methods: ReadonlySet<string>): string {
  if (methods.size === 0) return "";
  const named = [...methods].slice(0, mostMethods).join(", ");
  return ` of ${named}${methods.size > mostMethods ? ` and ${methods.size - mostMethods} more` : ""}`;
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
