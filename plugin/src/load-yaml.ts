import { createRequire } from "node:module";

// In the bundle, where modules are functions, this is the bundle's own copy.
declare const require: NodeJS.Require | undefined;

let loaded: typeof import("yaml") | undefined;

/** The YAML parser, loaded when a file is there to read: it would take a tenth of the plugin's start. */
export function yaml(): typeof import("yaml") {
  loaded ??= (
    typeof require === "function" ? require("yaml") : createRequire(import.meta.url)("yaml")
  ) as typeof import("yaml");
  return loaded;
}
