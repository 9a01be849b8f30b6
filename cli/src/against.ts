import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { readImageAt } from "./git.ts";
import { isDescriptorSet, readImage } from "./image.ts";

/**
 * The other side of a comparison: a descriptor set, a folder that is there, what buf takes with its own spelling
 * (`.git#branch=main`, an archive, a URL), or else a git ref of the repository that has the input.
 */
export function readAgainst(against: string, input: string): Uint8Array {
  if (isDescriptorSet(against) || existsSync(resolve(against.replace(/#.*$/, ""))) || ofBuf(against))
    return readImage(against);
  return readImageAt(against, input);
}

const ofBuf = (against: string): boolean =>
  /#|:\/\/|^[\w-]+@[\w.-]+:|\.git$|\.(?:tar|tar\.gz|tgz|tar\.zst|zip|json|yaml|txtpb)$/.test(against);
