import { readFile } from "node:fs/promises";
import { ConfigError } from "./error.ts";
import { parseJson } from "./json.ts";
import type { Node } from "./node.ts";
import { parseYaml } from "./yaml.ts";

/** The text of a configuration file. Throws a ConfigError. */
export async function readText(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).replace(/^\uFEFF/, "");
  } catch (cause) {
    throw new ConfigError(file, "", `cannot be read (${(cause as NodeJS.ErrnoException).code})`, cause);
  }
}

/** What a text says: YAML when the file's name ends in `.yaml` or `.yml`, otherwise JSON. Throws a ConfigError. */
export const parseText = async (text: string, file: string): Promise<Node> =>
  /\.ya?ml$/i.test(file) ? parseYaml(text, file) : parseJson(text, file);
