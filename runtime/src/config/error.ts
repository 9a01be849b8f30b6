/** A configuration that cannot be used. The message names the place, the key and the remedy. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  /**
   * `at` is a file with a line, a variable or a flag; `key` a path such as `targets[1].tls.caFile`, empty for the
   * configuration as a whole.
   */
  constructor(at: string, key: string, text: string, cause?: unknown) {
    super([at, key, text].filter((part) => part !== "").join(": "), { cause });
  }
}
