import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { OptionError, parseDuration } from "../core/fields.ts";
import { ConfigError } from "./read.ts";

/** A place in a configuration file: what errors name, and what relative paths start from. */
export class Place {
  readonly #file: string;
  readonly #key: string;

  constructor(file: string, key = "") {
    this.#file = file;
    this.#key = key;
  }

  /** A place below this one. A key that starts with `[` is an index. */
  at(key: string): Place {
    return new Place(this.#file, this.#join(key));
  }

  error(key: string, text: string, cause?: unknown): ConfigError {
    return new ConfigError(this.#file, this.#join(key), text, cause);
  }

  /** Throws when one of the values is empty. */
  required(values: { readonly [key: string]: string }): void {
    for (const [key, value] of Object.entries(values)) if (value === "") throw this.error(key, "is missing");
  }

  /** Milliseconds of a duration that may be absent. */
  duration(key: string, text: string | undefined): number | undefined {
    if (text === undefined) return undefined;
    try {
      return parseDuration(text);
    } catch (error) {
      if (error instanceof OptionError) throw this.error(key, error.message, error);
      throw error;
    }
  }

  /** The path of a file that the configuration names. */
  path<T extends string | undefined>(name: T): T {
    return (name === undefined ? undefined : resolve(dirname(this.#file), name)) as T;
  }

  /** What is in a file that the configuration names. */
  read(key: string, name: string): Buffer {
    try {
      return readFileSync(this.path(name));
    } catch (cause) {
      // Somebody may have put the secret itself there.
      const what = key === "secretFile" ? "the file it names" : name;
      throw this.error(key, `${what} cannot be read (${(cause as NodeJS.ErrnoException).code})`, cause);
    }
  }

  #join(key: string): string {
    if (this.#key === "" || key === "" || key.startsWith("[")) return this.#key + key;
    return `${this.#key}.${key}`;
  }
}
