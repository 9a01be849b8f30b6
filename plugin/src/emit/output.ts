import type { GeneratedFile, Printable } from "@bufbuild/protoplugin";
import type { Code } from "ts-poet";
import type { ImportModel } from "../model.ts";

/**
 * Carries ts-poet's templates into protoplugin's file. A reference goes through a template as a marker; protoplugin
 * imports what it stands for, and renames an import whose name the file uses for something else.
 */
export class Output {
  readonly #file: GeneratedFile;
  readonly #path: string;
  readonly #references: Printable[] = [];

  /** `path` is the file's own, such as `acme/shop_mesh.ts`. */
  constructor(file: GeneratedFile, path: string) {
    this.#file = file;
    this.#path = `./${path.replace(/\.ts$/, ".js")}`;
  }

  /** A name from another module, as a value. */
  value({ name, from }: ImportModel): string {
    return this.#mark(this.#file.import(name, from));
  }

  /** A name from another module, as a type. */
  type({ name, from }: ImportModel): string {
    return this.#mark(this.#file.import(name, from, true));
  }

  /** A name that belongs to this file, or to the language: no import takes it. */
  own(name: string): string {
    return this.#mark(this.#file.import(name, this.#path));
  }

  /** Prints a template. */
  print(template: Code): void {
    const parts = template.toString({ format: false }).split(markers);
    this.#file.print(...parts.map((part, index) => (index % 2 === 0 ? part : (this.#references[Number(part)] ?? ""))));
  }

  #mark(reference: Printable): string {
    return `\u0001${this.#references.push(reference) - 1}\u0001`;
  }
}

// Control characters cannot come from a proto file: strings escape them, comments drop them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: the markers are control characters on purpose
const markers = /\u0001(\d+)\u0001/;
