import type { DescFile } from "@bufbuild/protobuf";
import type { Analysis } from "../analysis.ts";
import { contractOf } from "../contract/contract.ts";
import type { Request } from "../request.ts";
import type { Subject } from "./rule.ts";
import { lintRules } from "./rules.ts";
import { usesOptions } from "./uses-options.ts";

/** Runs the rules on the files of an analysis. Reports what they find. */
export function lint(files: readonly DescFile[], analysis: Analysis, request: Request): void {
  const using = new Set(files.filter(usesOptions));
  if (using.size === 0) return;
  const { problems, resolver } = analysis;
  const subject: Subject = {
    files: [...using],
    services: contractOf(analysis, request)
      .services.filter(({ desc }) => using.has(desc.file))
      .map((service) => ({ ...service, methods: service.methods.filter(({ desc }) => resolver.step(desc)) })),
    resolver,
  };
  for (const { id, severity, check } of lintRules) {
    check(subject, (place, text, method) => problems[severity](place, text, id, method));
  }
}
