import type { DescFile, DescMessage } from "@bufbuild/protobuf";
import type { Place } from "../problems.ts";

/** The place of an option, or of a field within it. */
export class OptionPath implements Place {
  readonly file: DescFile;
  readonly path: readonly number[];
  readonly name: string;
  readonly #message: DescMessage | undefined;

  /** `message` is the option's type; a field has none when its value is no message. */
  constructor(file: DescFile, path: readonly number[], name: string, message?: DescMessage) {
    this.file = file;
    this.path = path;
    this.name = name;
    this.#message = message;
  }

  /** A field of the option, by its proto name. */
  field(name: string): OptionPath {
    const field = this.#message?.fields.find((candidate) => candidate.name === name);
    if (!field) throw new TypeError(`${this.name} has no field ${name}`);
    return new OptionPath(this.file, [...this.path, field.number], `${this.name}.${name}`, field.message);
  }

  /** An item of a repeated field. */
  item(index: number): OptionPath {
    return new OptionPath(this.file, [...this.path, index], `${this.name}[${index}]`, this.#message);
  }
}
