import { once } from "node:events";
import { type DescMessage, type Message, type Registry, toJson } from "@bufbuild/protobuf";
import type { Schema } from "./schema.ts";

/** How replies are printed. */
export interface Printing {
  readonly schema: Schema;
  readonly registry: Registry;
  /** Fields without a value are printed, too. */
  readonly defaults: boolean;
  /** Over several lines, or one line each. */
  readonly indent: boolean;
}

/** Prints a reply as ProtoJSON, and waits until it is taken. */
export async function printReply(reply: unknown, type: DescMessage, options: Printing): Promise<void> {
  const json = await jsonOf(reply as Message, type, options.registry, options);
  if (!process.stdout.write(`${JSON.stringify(json, undefined, options.indent ? 2 : undefined)}\n`))
    await once(process.stdout, "drain");
}

/** Types that only a google.protobuf.Any names are asked for as they come up. */
async function jsonOf(reply: Message, type: DescMessage, registry: Registry, options: Printing): Promise<unknown> {
  try {
    return toJson(type, reply, { registry, alwaysEmitImplicit: options.defaults });
  } catch (error) {
    const name = /"(?:[^"]*\/)?([\w.]+)" is not in the type registry/.exec((error as Error).message)?.[1];
    if (name === undefined || registry.getMessage(name)) throw error;
    const more = await options.schema.load(name).catch(() => undefined);
    if (more?.getMessage(name)) return jsonOf(reply, type, more, options);
    throw new Error(`the reply has a google.protobuf.Any of ${name}, which ${options.schema.name} does not describe`);
  }
}
