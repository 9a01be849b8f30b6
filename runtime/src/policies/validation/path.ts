import type { Path } from "@bufbuild/protobuf/reflect";

/**
 * A field path as proto files name it, such as `lines[2].item`. Keys of maps are values that the caller sent, so they are
 * left out: `labels[].text`.
 */
export function pathText(path: Path): string {
  let text = "";
  for (const step of path) {
    if (step.kind === "list_sub") text += `[${step.index}]`;
    else if (step.kind === "map_sub") text += "[]";
    else if (step.kind === "extension") text += `[${step.typeName}]`;
    else text += `${text === "" ? "" : "."}${step.name}`;
  }
  return text;
}
