import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Contract, contractOf } from "../contract/contract.ts";
import { diffContracts } from "../diff/diff.ts";
import { lint } from "../lint/run.ts";
import { Locator } from "../locate.ts";
import { oneLine } from "../one-line.ts";
import type { Finding, Place } from "../problems.ts";
import { type Analysed, analyseFiles } from "./files.ts";
import { type AnnotationSchema, type CheckRequest, type FileLocationSchema, RuleType } from "./gen/check_pb.js";
import { readOptions } from "./options.ts";
import { breakingRule, chosen, lintRule } from "./rules.ts";

type Annotation = MessageInitShape<typeof AnnotationSchema>;

/** All that the wanted rules find. Throws `GenerationError` when an option of the plugin is wrong. */
export function annotationsFor({
  fileDescriptors,
  againstFileDescriptors,
  options,
  ruleIds,
}: CheckRequest): Annotation[] {
  const parameters = readOptions(options);
  const linting = chosen(ruleIds, RuleType.LINT);
  const comparing = againstFileDescriptors.length > 0 ? chosen(ruleIds, RuleType.BREAKING) : new Set<string>();
  const now = analyseFiles(fileDescriptors, parameters);
  return [
    ...(linting.size > 0 && againstFileDescriptors.length === 0 ? linted(now, linting) : []),
    ...(comparing.size > 0 ? compared(analyseFiles(againstFileDescriptors, parameters), now, comparing) : []),
  ];
}

/** Findings in imported files are left to the run that is about those. */
function linted({ analysis, request, files }: Analysed, wanted: ReadonlySet<string>): Annotation[] {
  lint(files, analysis, request);
  const own = new Set(files.map(({ proto }) => proto.name));
  return analysis.problems.findings.flatMap((finding) => {
    const { rule, file, path, subject, text } = finding;
    const ruleId = lintRule(rule);
    if (!wanted.has(ruleId)) return [];
    if (path === undefined) return [{ ruleId, message: `${placeText(finding)}${subject}: ${text}` }];
    if (!own.has(file)) return [];
    return [{ ruleId, message: `${subject}: ${text}`, fileLocation: { fileName: file, sourcePath: [...path] } }];
  });
}

/** A place that is in no proto file, as text. */
const placeText = ({ file, line, column }: Finding): string => `${file}:${line}:${column}: `;

/** What changed that a wanted rule is about. */
function compared(before: Analysed, now: Analysed, wanted: ReadonlySet<string>): Annotation[] {
  const [oldLocator, locator] = [new Locator(before.request.sources), new Locator(now.request.sources)];
  return diffContracts(promised(before), promised(now)).flatMap((change) => {
    const ruleId = breakingRule(change.class);
    if (ruleId === undefined || !wanted.has(ruleId)) return [];
    const { subject, option, before: was, after: is, text, place, placeBefore } = change;
    const message = oneLine(`${subject}: ${option}: ${was ?? "not set"} is now ${is ?? "not set"}: ${text}`);
    return [
      {
        ruleId,
        message,
        ...(place && { fileLocation: locationOf(place, locator) }),
        ...(placeBefore && { againstFileLocation: locationOf(placeBefore, oldLocator) }),
      },
    ];
  });
}

/** A contract without methods whose options are wrong: lint tells of them, and what they promise is not known. */
function promised({ analysis, request }: Analysed): Contract {
  const contract = contractOf(analysis, request);
  const services = contract.services.map((service) => ({
    ...service,
    methods: service.methods.filter(({ desc }) => analysis.resolver.step(desc)),
  }));
  return { ...contract, services };
}

function locationOf(place: Place, locator: Locator): MessageInitShape<typeof FileLocationSchema> {
  return { fileName: place.file.proto.name, sourcePath: [...locator.locate(place).path] };
}
