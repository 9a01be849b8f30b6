import type { Call } from "../../core/call.ts";
import { OptionError, parseKey } from "../../core/fields.ts";
import { Metadata } from "../../core/metadata.ts";
import type { MethodSpec } from "../../core/spec.ts";
import { fieldReader, fieldWriter } from "../../messages/field.ts";

/** Checks where a key is said to be, and returns it. Throws an OptionError when no key can be there. */
export function parsePlace(text: string): string {
  const [, kind, name = ""] = /^(field|metadata):([\w.-]+)$/.exec(text) ?? [];
  if (kind === "field" && /^[A-Za-z_]\w*$/.test(name)) return text;
  if (kind === "metadata" && name.endsWith("-bin")) {
    throw new OptionError(`${JSON.stringify(text)} holds bytes, and a key is text: use a name without -bin`);
  }
  if (kind === "metadata" && carried(name)) return `metadata:${name.toLowerCase()}`;
  throw new OptionError(`${JSON.stringify(text)} is no place for a key: write "field:<name>" or "metadata:<name>"`);
}

/** Whether metadata of this name can be set: what the transport sets itself cannot. */
function carried(name: string): boolean {
  try {
    new Metadata().set(name, "x");
    return !name.toLowerCase().startsWith("grpc-");
  } catch {
    return false;
  }
}

/** The key of a call; empty or undefined for none. */
export function keyReader(place: string, method: MethodSpec): (call: Call) => string | undefined {
  const { kind, name } = parseKey(place);
  if (kind === "metadata") return ({ metadata }) => metadata.get(name);
  const read = fieldReader(name, method.request);
  return ({ request }) => read(request) as string | undefined;
}

/** The call with this key, as a copy. */
export function keyWriter(place: string, method: MethodSpec): (call: Call, key: string) => Call {
  const { kind, name } = parseKey(place);
  if (kind === "metadata") return (call, key) => ({ ...call, metadata: call.metadata.clone().set(name, key) });
  const write = fieldWriter(name, method.request);
  return (call, key) => ({ ...call, request: write(call.request, key) });
}
