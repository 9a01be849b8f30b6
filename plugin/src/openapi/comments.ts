import type { DescEnum, DescEnumValue, DescField, DescFile, DescMessage } from "@bufbuild/protobuf";
import type { Sources } from "../request.ts";

type Described = DescMessage | DescField | DescEnum | DescEnumValue;

// Numbers of the fields of google.protobuf.FileDescriptorProto, DescriptorProto and EnumDescriptorProto.
const inFile = { message: 4, enum: 5 };
const inMessage = { field: 2, message: 3, enum: 4 };
const valueOfEnum = 2;

/** Comments of messages and enums, as Markdown for readers of an API. */
export class Descriptions {
  readonly #sources: Sources;
  readonly #files = new WeakMap<DescFile, ReadonlyMap<Described, string>>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /** What the proto file says about an element, before it or on its line; empty for nothing. */
  of(desc: Described): string {
    const file = desc.kind === "field" || desc.kind === "enum_value" ? desc.parent.file : desc.file;
    const comments = this.#files.get(file) ?? this.#read(file);
    this.#files.set(file, comments);
    return comments.get(desc) ?? "";
  }

  /** The file's comments in one pass: a search per element takes minutes for large files. */
  #read(file: DescFile): ReadonlyMap<Described, string> {
    const texts = new Map<string, string>();
    for (const { path, leadingComments, trailingComments } of this.#sources.locations(file)) {
      const text = cleaned(leadingComments) || cleaned(trailingComments);
      if (text !== "") texts.set(path.join("."), text);
    }
    const comments = new Map<Described, string>();
    const note = (desc: Described, path: string) => {
      const text = texts.get(path);
      if (text !== undefined) comments.set(desc, text);
    };
    const walkEnum = (desc: DescEnum, path: string) => {
      note(desc, path);
      for (const [index, value] of desc.values.entries()) note(value, `${path}.${valueOfEnum}.${index}`);
    };
    const walkMessage = (desc: DescMessage, path: string) => {
      note(desc, path);
      const { field, nestedType, enumType } = desc.proto;
      const at = new Map<unknown, number>(
        [field, nestedType, enumType].flatMap((list) => [...list.entries()].map(([n, proto]) => [proto, n])),
      );
      for (const one of desc.fields) note(one, `${path}.${inMessage.field}.${at.get(one.proto)}`);
      for (const one of desc.nestedMessages) walkMessage(one, `${path}.${inMessage.message}.${at.get(one.proto)}`);
      for (const one of desc.nestedEnums) walkEnum(one, `${path}.${inMessage.enum}.${at.get(one.proto)}`);
    };
    for (const [index, desc] of file.messages.entries()) walkMessage(desc, `${inFile.message}.${index}`);
    for (const [index, desc] of file.enums.entries()) walkEnum(desc, `${inFile.enum}.${index}`);
    return comments;
  }
}

/** Without what is not for readers: `(-- ... --)`, and lines for buf. Sources: AIP-192; buf, "Ignore comments". */
export function cleaned(comment: string): string {
  return comment
    .replace(/\(--[\s\S]*?--\)/g, "")
    .split("\n")
    .filter((line) => !/^\s*(buf:lint:|@exclude\b)/.test(line))
    .map((line) => line.replace(/^ /, "").trimEnd())
    .join("\n")
    .trim();
}

/** The first sentence of a comment as a summary of one line, and the whole comment where it says more. */
export function summarize(comment: string): { readonly summary?: string; readonly description?: string } {
  if (comment === "") return {};
  const paragraph = (comment.split(/\n\s*\n/)[0] as string).replace(/\s+/g, " ").trim();
  const sentence = /^.+?[.!?](?=\s|$)/.exec(paragraph)?.[0] ?? paragraph;
  const summary = sentence.replace(/\.$/, "");
  const short = summary.length <= 120 ? summary : undefined;
  return {
    ...(short && { summary: short }),
    ...(!short || sentence.length < comment.replace(/\s+/g, " ").length ? { description: comment } : {}),
  };
}
