import type { DescFile, DescMethod, DescService } from "@bufbuild/protobuf";
import type { DocModel } from "./model.ts";

/**
 * What a service's or a method's proto file says for its reader. Detached comments belong to nobody.
 *
 * `path` is the element's path in the file's descriptor.
 */
export function docOf(desc: DescService | DescMethod, path: readonly number[]): DocModel {
  const { file } = desc.kind === "service" ? desc : desc.parent;
  return { comment: commentsOf(file).get(path.join(".")) ?? "", deprecated: desc.deprecated || file.deprecated };
}

/** Number of google.protobuf.FileDescriptorProto.service: only comments of services and their methods are kept. */
const serviceField = 6;

const cache = new WeakMap<DescFile, ReadonlyMap<string, string>>();

/** The file's comments in one pass. A scan per element takes minutes for large files. */
function commentsOf(file: DescFile): ReadonlyMap<string, string> {
  const known = cache.get(file);
  if (known) return known;
  const comments = new Map<string, string>();
  for (const { path, leadingComments } of file.proto.sourceCodeInfo?.location ?? []) {
    if (leadingComments && path[0] === serviceField) comments.set(path.join("."), leadingComments);
  }
  cache.set(file, comments);
  return comments;
}
