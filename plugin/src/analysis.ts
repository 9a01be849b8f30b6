import type { DescFile } from "@bufbuild/protobuf";
import type { FileModel } from "./model.ts";
import type { Resolver } from "./options/resolve.ts";
import type { Problems } from "./problems.ts";

/** What files say, and what is wrong with it. */
export interface Analysis {
  /** Files without services say nothing. */
  readonly files: readonly { readonly file: DescFile; readonly model: FileModel }[];
  readonly problems: Problems;
  readonly resolver: Resolver;
}
