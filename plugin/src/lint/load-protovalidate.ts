import { createRequire } from "node:module";

// In the bundle this loads the file that the build puts beside it.
declare const require: NodeJS.Require | undefined;

let loaded: typeof import("@bufbuild/protovalidate") | undefined;

/** What knows protovalidate's rules, loaded when there is a reply to check by them: it is half as large as the plugin. */
export function protovalidate(): typeof import("@bufbuild/protovalidate") {
  loaded ??= (
    typeof require === "function"
      ? require("@bufbuild/protovalidate")
      : createRequire(import.meta.url)("@bufbuild/protovalidate")
  ) as typeof import("@bufbuild/protovalidate");
  return loaded;
}
