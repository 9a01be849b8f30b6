import { createRegistry, type DescMethod, fromJsonString, toBinary } from "@bufbuild/protobuf";
import type { LintRule } from "./rule.ts";

/** A reply that its own method may not give. */
export const fallbackTooLarge: LintRule = {
  id: "fallback/too-large",
  severity: "error",
  purpose: "The constant reply of a fallback is within the limit for replies.",
  check({ services }, report) {
    for (const { methods } of services) {
      for (const { desc, policy, origins } of methods) {
        const { fallback, limits } = policy;
        const most = limits?.responseBytes;
        const place = origins.get("fallback")?.place;
        if (fallback?.json === undefined || most === undefined || !place) continue;
        const size = sizeOf(desc, fallback.json);
        if (size === undefined || size <= most) continue;
        report(
          place,
          `json is a reply of ${size} bytes, and limits.response_bytes is ${most}: raise it, or answer less`,
        );
      }
    }
  },
};

/** Undefined when the text is no such reply, which another rule reports. */
function sizeOf({ output, parent: { file } }: DescMethod, json: string): number | undefined {
  try {
    const registry = createRegistry(file, ...file.dependencies);
    return toBinary(output, fromJsonString(output, json, { registry })).length;
  } catch {
    return undefined;
  }
}
