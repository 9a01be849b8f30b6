import { createRequire } from "node:module";

/** The library's checks. */
export type Protovalidate = typeof import("@bufbuild/protovalidate");
/** The options by which proto files state rules. */
export type Rules = typeof import("@bufbuild/protovalidate/gen/buf/validate/validate_pb.js");

/**
 * The optional package that knows the rules, loaded when the first method needs it: at once, so that a server that lacks
 * it fails when it is built and not at the first call. `from` says where to look. Default: beside this package.
 */
export function loadProtovalidate(
  path: string,
  from: string = import.meta.url,
): Protovalidate & { readonly rules: Rules } {
  const require = createRequire(from);
  try {
    return {
      ...(require("@bufbuild/protovalidate") as Protovalidate),
      rules: require("@bufbuild/protovalidate/gen/buf/validate/validate_pb.js") as Rules,
    };
  } catch (cause) {
    throw new Error(
      `${path}: its request has protovalidate rules, which needs the package @bufbuild/protovalidate: run npm install @bufbuild/protovalidate, or switch them off with off: VALIDATION`,
      { cause },
    );
  }
}
