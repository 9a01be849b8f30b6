import {
  createRegistry,
  type DescFile,
  fromJsonString,
  type Message,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import type { MethodContract } from "../contract/contract.ts";

/** The reply that a fallback is made of. */
export interface ConstantReply {
  readonly message: Message;
  /** Its bytes on the wire. */
  readonly size: number;
  /** All that its file knows of, further files included. */
  readonly registry: Registry;
}

/** The constant reply of a method's fallback; undefined when there is none, and when it is no such reply, which another rule reports. */
export function constantReply({ desc, policy }: MethodContract): ConstantReply | undefined {
  const json = policy.fallback?.json;
  if (json === undefined) return undefined;
  const registry = createRegistry(...filesOf(desc.parent.file));
  try {
    const message = fromJsonString(desc.output, json, { registry });
    return { message, size: toBinary(desc.output, message).length, registry };
  } catch {
    return undefined;
  }
}

/** A file with all that it imports, and what that imports. */
function filesOf(file: DescFile): Set<DescFile> {
  const files = new Set([file]);
  // The set grows while it is walked.
  for (const one of files) for (const further of one.dependencies) files.add(further);
  return files;
}
