import type { DescFile, DescMethod, DescService } from "@bufbuild/protobuf";
import type { DocModel } from "./model.ts";
import type { Sources } from "./request.ts";

/** Number of google.protobuf.FileDescriptorProto.service: only comments of services and their methods are kept. */
const serviceField = 6;

/** What proto files say for their readers. */
export class Comments {
  readonly #sources: Sources;
  readonly #files = new WeakMap<DescFile, ReadonlyMap<string, string>>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /** What is said about a service or a method, by its path in the file. Detached comments belong to nobody. */
  of(desc: DescService | DescMethod, path: readonly number[]): DocModel {
    const { file } = desc.kind === "service" ? desc : desc.parent;
    const comments = this.#files.get(file) ?? this.#read(file);
    this.#files.set(file, comments);
    return { comment: comments.get(path.join(".")) ?? "", deprecated: desc.deprecated || file.deprecated };
  }

  /** The file's comments in one pass. A scan per element takes minutes for large files. */
  #read(file: DescFile): ReadonlyMap<string, string> {
    const comments = new Map<string, string>();
    for (const { path, leadingComments } of this.#sources.locations(file)) {
      if (leadingComments && path[0] === serviceField) comments.set(path.join("."), leadingComments);
    }
    return comments;
  }
}
