import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { OptionError, parseDuration } from "../core/fields.ts";
import { ConfigError } from "./error.ts";

/** Where a configuration was written. */
export interface Written {
  /** The configuration file; absent when there is none. */
  readonly file: string | undefined;
  /** The places of its keys, by their paths. */
  readonly places: ReadonlyMap<string, string>;
}

/** A place in a configuration: what errors name, and what relative paths start from. */
export class Place {
  readonly #written: Written;
  /** Such as `targets[1].tls`. */
  readonly key: string;

  constructor(written: Written, key = "") {
    this.#written = written;
    this.key = key;
  }

  /** A place below this one. A key that starts with `[` is an index. */
  at(key: string): Place {
    return new Place(this.#written, this.#join(key));
  }

  /** An error about a key below this place, or about this place itself when the key is empty. */
  error(key: string, text: string, cause?: unknown): ConfigError {
    const path = this.#join(key);
    return new ConfigError(this.#whereIs(path), path, text, cause);
  }

  /** The place in words, for messages that name several. */
  get text(): string {
    return `${this.#whereIs(this.key)}: ${this.key}`;
  }

  /** Throws when one of the values is empty. */
  required(values: { readonly [key: string]: string }): void {
    for (const [key, value] of Object.entries(values)) if (value === "") throw this.error(key, "is missing");
  }

  /** Milliseconds of a duration that may be absent. */
  duration(key: string, text: string | undefined): number | undefined {
    if (text === undefined) return undefined;
    return this.parsed(key, () => parseDuration(text));
  }

  /** The same, where "0s" means something too. */
  durationOrZero(key: string, text: string | undefined): number | undefined {
    return text !== undefined && /^0(?:ms|s|m|h)$/.test(text) ? 0 : this.duration(key, text);
  }

  /** What `parse` makes of the value of a key; its OptionError becomes one of this place. */
  parsed<T>(key: string, parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      if (error instanceof OptionError) throw this.error(key, error.message, error);
      throw error;
    }
  }

  /** The path of a file that the configuration names. */
  path<T extends string | undefined>(name: T): T {
    const { file } = this.#written;
    return (name === undefined ? undefined : resolve(file === undefined ? "." : dirname(file), name)) as T;
  }

  /** What is in a file that the configuration names. */
  read(key: string, name: string): Buffer {
    try {
      return readFileSync(this.path(name));
    } catch (cause) {
      const text = `cannot be read (${(cause as NodeJS.ErrnoException).code})`;
      // Somebody may have put the secret itself there, and the cause would show it as a path.
      if (key === "secretFile") throw this.error(key, `the file it names ${text}`);
      throw this.error(key, `${name} ${text}`, cause);
    }
  }

  /** Where a key is, or what it would be in when it is missing. */
  #whereIs(path: string): string {
    const { file, places } = this.#written;
    for (let key = path; ; key = key.replace(/(?:^|\.|\[)[^.[]*$/, "")) {
      const at = places.get(key);
      if (at !== undefined) return key === "" && path !== "" && file !== undefined ? file : at;
      if (key === "") return file ?? "configuration";
    }
  }

  #join(key: string): string {
    if (this.key === "" || key === "" || key.startsWith("[")) return this.key + key;
    return `${this.key}.${key}`;
  }
}
