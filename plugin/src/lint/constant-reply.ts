import { fromJsonString, type Message, type Registry, toBinary } from "@bufbuild/protobuf";
import type { MethodContract } from "../contract/contract.ts";
import { typesAtRuntime } from "../descriptors.ts";

/** The reply that a fallback is made of. */
export interface ConstantReply {
  readonly message: Message;
  /** Its bytes on the wire. */
  readonly size: number;
  /** The types that it may hold, and what their rules mean. */
  readonly registry: Registry;
}

/** The constant reply of a method's fallback; undefined when there is none, and when it is no such reply, which another rule reports. */
export function constantReply({ desc, policy }: MethodContract): ConstantReply | undefined {
  const json = policy.fallback?.json;
  if (json === undefined) return undefined;
  const registry = typesAtRuntime(desc.parent.file);
  try {
    const message = fromJsonString(desc.output, json, { registry });
    return { message, size: toBinary(desc.output, message).length, registry };
  } catch {
    return undefined;
  }
}
