import { hash } from "node:crypto";
import type { Call, Principal } from "../core/call.ts";
import { criticalityHeader } from "../core/criticality.ts";
import { type Key, parseKey } from "../core/fields.ts";
import type { Metadata, MetadataValue } from "../core/metadata.ts";
import type { Credentials, Site } from "../core/policy.ts";
import type { MethodSpec } from "../core/spec.ts";
import { fieldReader } from "./field.ts";
import { latin1 } from "./latin1.ts";
import type { RepliesConfig } from "./replies.ts";

/**
 * Says which calls may get the same reply: those with the same key. Undefined, now or later: this call has no key, so it must
 * neither get nor leave a reply. Never throws, never rejects.
 */
export type ReplyKey = (call: Call) => string | undefined | Promise<string | undefined>;

/** One thing that tells calls apart. No two values of it have the same text. */
type Part = (call: Call) => string;

/**
 * The key of each call: the request, or the fields that `vary` names; the rest of `vary`; and who calls, unless `vary` says
 * "principal", "claim:" or "all".
 *
 * On a server, who calls is the principal; a caller without the claim, or with null, is told apart as a principal. On a client it is all
 * metadata that the call sends, except what differs from call to call by its nature, and the client's credentials when they are
 * a function.
 *
 * Equal requests whose maps were filled in another order count as different: that costs a reply, and never gives a wrong one.
 */
export function replyKey({ vary, side }: RepliesConfig, { method, credentials }: Site): ReplyKey {
  const keys = vary.map(parseKey);
  const fields = keys.filter(({ kind }) => kind === "field");
  const parts: Part[] = fields.length > 0 ? fields.map(({ name }) => fieldPart(name, method)) : [requestPart(method)];
  for (const { kind, name } of keys) {
    if (kind === "metadata") parts.push(({ metadata }) => listed(metadata.all(name)));
    if (kind === "peer") parts.push(({ peer }) => short(peer?.address));
  }
  const personal = keys.filter(({ kind }) => kind === "principal" || kind === "claim");
  const everybody = personal.length === 0 && keys.some(({ kind }) => kind === "all");
  if (side === "SERVER" && !everybody) parts.push(...callerParts(personal));
  if (side === "CLIENT" && !everybody) parts.push(({ metadata }) => sentBy(metadata));

  const key = (call: Call): string | undefined => {
    try {
      return parts.length === 1 ? (parts[0] as Part)(call) : joined(parts.map((part) => part(call)));
    } catch {
      // Such as a request that cannot be encoded: whoever sends it says so.
      return undefined;
    }
  };
  return side === "CLIENT" && !everybody && typeof credentials === "function" ? withToken(key, credentials) : key;
}

/** Each text begins with its length: otherwise "ab" + "c" and "a" + "bc" would be one key. */
function joined(values: readonly string[]): string {
  let key = "";
  for (const value of values) key += `${value.length}:${value}`;
  return key;
}

/** Longer values are kept as their hash. */
const longest = 64;

/** A value as text, told apart from no value, which is empty. */
function short(value: string | undefined): string {
  if (value === undefined) return "";
  return value.length <= longest ? `=${value}` : hashed(value);
}

const hashed = (value: string | Uint8Array): string => `#${hash("sha256", value, "base64")}`;

function requestPart({ request: codec }: MethodSpec): Part {
  return ({ request }) => {
    const bytes = codec.encode(request);
    return bytes.length <= longest ? `=${latin1(bytes)}` : hashed(bytes);
  };
}

function fieldPart(name: string, { request: codec, path }: MethodSpec): Part {
  const read = fieldReader(name, codec);
  return ({ request }) => {
    const value = read(request);
    if (value === undefined || value === null) return "";
    if (value instanceof Uint8Array) return short(latin1(value));
    // JSON would make all maps the same.
    if (value instanceof Map) throw new TypeError(`${name} of ${path} is a map, which makes no key`);
    return short(typeof value === "object" ? json(value) : String(value));
  };
}

const json = (value: unknown): string =>
  JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? `${inner}n` : inner)) ?? "";

/** A server's caller: as `vary` names it, or else by provider and subject. */
function callerParts(personal: readonly Key[]): Part[] {
  const whole = ({ principal }: Call) => (principal ? caller(principal) : "");
  if (personal.length === 0 || personal.some(({ kind }) => kind === "principal")) return [whole];
  return personal.map(({ name }) => {
    return ({ principal }) => {
      if (!principal) return "";
      const claim = Object.hasOwn(principal.claims, name) ? principal.claims[name] : undefined;
      if (claim === undefined || claim === null) return `-${caller(principal)}`;
      // The claim of another provider may mean something else.
      return short(joined([principal.provider, json(claim)]));
    };
  });
}

const caller = ({ provider, subject }: Principal): string => short(joined([provider, subject]));

/** Differ from call to call, and change no reply. Baggage is not among them: it can say whose request it is. */
const ofOneCall: ReadonlySet<string> = new Set(["traceparent", "tracestate", "x-request-id", criticalityHeader]);

/** All that a client's call sends, in an order of its own, hashed because credentials are among it. */
function sentBy(metadata: Metadata): string {
  if (metadata.empty) return "";
  const sent = [...metadata].filter(([key]) => !ofOneCall.has(key));
  if (sent.length === 0) return "";
  sent.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
  return hashed(joined(sent.flatMap(([key, value]) => [key, textOf(value)])));
}

const listed = (values: readonly MetadataValue[]): string =>
  values.length === 0 ? "" : short(joined(values.map(textOf)));

const textOf = (value: MetadataValue): string => (typeof value === "string" ? value : latin1(value));

/** A function can give each call the credentials of another user, so its token belongs to the key. */
function withToken(
  key: (call: Call) => string | undefined,
  credentials: Exclude<Credentials, string>,
): (call: Call) => string | undefined | Promise<string | undefined> {
  let last: string | undefined;
  let mark = "";
  const marked = (start: string, token: string): string => {
    if (token !== last || last === undefined) {
      mark = hashed(token);
      last = token;
    }
    return mark + start;
  };
  return (call) => {
    const start = key(call);
    if (start === undefined || call.metadata.has("authorization")) return start;
    try {
      const token = credentials();
      if (typeof token === "string") return marked(start, token);
      return Promise.resolve(token)
        .then((got) => marked(start, got))
        .catch(() => undefined);
    } catch {
      // The attempt will meet the same failure and say so; this call is not to be answered by another's reply.
      return undefined;
    }
  };
}
