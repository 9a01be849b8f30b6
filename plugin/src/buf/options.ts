import type { AnalysisParameters } from "../analyse.ts";
import { closest } from "../closest.ts";
import { GenerationError } from "../generation-error.ts";
import type { Option, Value } from "./gen/check_pb.js";

const known = ["unannotated", "grpc_api_configuration"];

/** How files are read, by the options that buf.yaml gives the plugin. Throws `GenerationError` with all that is wrong. */
export function readOptions(options: readonly Option[]): AnalysisParameters {
  const wrong: string[] = [];
  const values = new Map<string, readonly string[]>();
  for (const { key, value } of options) {
    const texts = textsOf(value);
    if (!known.includes(key)) wrong.push(`unknown option ${key} of buf-plugin-mesh: ${hint(key)}`);
    else if (texts === undefined) wrong.push(`option ${key} of buf-plugin-mesh is no text: ${forms[key]}`);
    else values.set(key, texts);
  }
  const [unannotated = "none", ...more] = values.get("unannotated") ?? [];
  if (more.length > 0 || !["none", "post"].includes(unannotated))
    wrong.push(`option unannotated of buf-plugin-mesh is ${[unannotated, ...more].join(", ")}: ${forms.unannotated}`);
  if (wrong.length > 0) throw new GenerationError(wrong.join("\n"));
  return {
    messages: "protobuf-es",
    importExtension: ".js",
    tsProto: unusedNaming,
    tsProtoFields: "other",
    useJsonName: false,
    rest: undefined,
    unannotated: unannotated === "post",
    apiConfigurations: values.get("grpc_api_configuration") ?? [],
  };
}

const forms: { readonly [option: string]: string } = {
  unannotated: "write unannotated: post",
  grpc_api_configuration: "write a path, or a list of paths",
};

/** How ts-proto would name messages, which are not printed here. */
const unusedNaming: AnalysisParameters["tsProto"] = {
  fileSuffix: "",
  importSuffix: "",
  typePrefix: "",
  typeSuffix: "",
  messagePrefix: "",
  messageSuffix: "",
  enumPrefix: "",
  enumSuffix: "",
  camelCaseNames: true,
  useSnakeTypeName: true,
  modules: new Map(),
};

function hint(key: string): string {
  const meant = closest(key, known);
  return meant === undefined ? `known are ${known.join(" and ")}` : `did you mean ${meant}?`;
}

function textsOf(value: Value | undefined): readonly string[] | undefined {
  if (value?.type.case === "stringValue") return [value.type.value];
  if (value?.type.case !== "listValue") return undefined;
  const texts = value.type.value.values.map((item) => textsOf(item));
  return texts.every((item) => item?.length === 1) ? texts.flatMap((item) => item ?? []) : undefined;
}
