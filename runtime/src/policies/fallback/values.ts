import { fromJsonString, toBinary } from "@bufbuild/protobuf";
import type { Call } from "../../core/call.ts";
import type { Metadata } from "../../core/metadata.ts";
import type { Site } from "../../core/policy.ts";
import { within } from "../../core/within.ts";
import { registryOf, schemaOf } from "../../messages/descriptors.ts";
import { copyOf, type RepliesConfig, repliesOf } from "../../messages/replies.ts";
import { type ReplyKey, replyKey } from "../../messages/replies-key.ts";
import type { FallbackConfig } from "./config.ts";

/** How a reply came about that is none of the call: the value of the trailer, and the outcome. */
export type Kind = "static" | "stale" | "method";

/** What stands in for a failure. */
export interface Value {
  readonly kind: Kind;
  /** What `find` must know about a call that can only be known before it fails. Never throws, never rejects. */
  readonly prepare?: ((call: Call) => Key) | undefined;
  /**
   * A reply of its own for each call; undefined, now or later, when there is none. May fail, with whatever kept it from one.
   * `onTrailers` hears of the trailers that came with it.
   */
  readonly find: (call: Call, onTrailers: ((trailers: Metadata) => void) | undefined, prepared?: Key) => unknown;
}

type Key = ReturnType<ReplyKey>;

/** The value that a config names. Throws when it cannot be had, saying why. */
export function readValue(config: FallbackConfig, site: Site): Value {
  const { path } = site.method;
  const { json, method, stale } = config;
  const named = [json !== undefined, stale === true, method !== undefined].filter(Boolean).length;
  if (named !== 1) throw new Error(`fallback of ${path} names ${named} values: set one of json, stale and method`);
  if (json !== undefined) return staticReply(json, site);
  return method === undefined ? lastGoodReply(site) : otherMethod(method, site);
}

/** The ProtoJSON is read once. */
function staticReply(json: string, { method, service }: Site): Value {
  const { path, reply } = method;
  let bytes: Uint8Array;
  try {
    const registry = service && registryOf(service);
    if (!registry && !("schema" in reply)) throw new Error("there are no descriptors to read it by");
    const schema = schemaOf(reply, registry as NonNullable<typeof registry>);
    bytes = toBinary(schema, fromJsonString(schema, json, registry ? { registry } : {}));
    reply.decode(bytes.slice());
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`fallback.json of ${path} is no ${reply.typeName}: ${why}`, { cause });
  }
  return { kind: "static", find: () => copyOf(reply, bytes) };
}

function lastGoodReply(site: Site): Value {
  const { clock, method } = site;
  const cache = method.policy.cache as RepliesConfig | undefined;
  if (cache?.side !== "CLIENT")
    throw new Error(
      `fallback.stale of ${method.path} needs a cache on the client: set cache.ttl, and no side but CLIENT`,
    );
  const replies = repliesOf(site, cache);
  const keyOf = replyKey(cache, site);
  const find = (key: string | undefined): unknown => {
    const kept = key === undefined ? undefined : replies.get(key);
    return kept && copyOf(method.reply, kept.text);
  };
  // When the call has failed, a function may give another caller's credentials.
  const prepare = typeof site.credentials === "function" ? keyOf : undefined;
  return {
    kind: "stale",
    prepare,
    find(call, _, prepared) {
      // Who wants an answer of the peer itself does not want an old one.
      if (!call.cache) return undefined;
      const key = prepare ? prepared : keyOf(call);
      return typeof key === "object" ? within(key, call, clock).then(find) : find(key);
    },
  };
}

function otherMethod(name: string, { clock, method: { path }, service, sibling }: Site): Value {
  const other = service && Object.values(service.methods).find((one) => one.name === name);
  if (service && (!other || other.path === path))
    throw new Error(`fallback.method of ${path} is ${name}, which is no other method of ${service.name}`);
  if (!sibling)
    throw new Error(`fallback.method of ${path} needs a client of the whole service: mount it with siblings`);
  return {
    kind: "method",
    find(call, onTrailers) {
      if (call.deadline <= clock.now()) return undefined;
      const method = other ?? call.method;
      return sibling(name)({ ...call, method, substitute: true, onHeaders: undefined, onTrailers });
    },
  };
}
