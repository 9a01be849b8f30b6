import { AgedMap } from "../core/aged-map.ts";
import type { Site } from "../core/policy.ts";
import type { Codec } from "../core/spec.ts";
import { bytesOf, latin1 } from "./latin1.ts";

/** A reply, and the instant on the site's clock at which it was asked for. */
export interface KeptReply {
  /** Its bytes, each as a character. */
  readonly text: string;
  readonly askedAt: number;
}

/** What a map's entry and its objects take up, roughly: many small replies must not fill the memory either. */
const entryBytes = 128;

/**
 * The last good replies of one method, within a number of bytes: those that were unused for longest go first. How old a
 * reply may be is for its readers to say.
 */
export class Replies {
  /** In the order of their last use. */
  readonly #kept = new AgedMap<string, KeptReply>();
  #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** What all replies take up together, with their keys. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Sets another bound and keeps to it at once. */
  bound(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evict();
  }

  /** The reply, which counts as a use. */
  get(key: string): KeptReply | undefined {
    return this.#kept.renew(key);
  }

  /** Keeps a copy of the bytes, unless the reply there was asked for later. A reply that is too large leaves none. */
  keep(key: string, bytes: Uint8Array, askedAt: number): void {
    const before = this.#kept.get(key);
    if (before) {
      if (before.askedAt > askedAt) return;
      this.#drop(key);
    }
    const size = sizeOf(key, bytes);
    if (size > this.#maxBytes) return;
    this.#kept.set(key, { text: latin1(bytes), askedAt });
    this.#bytes += size;
    this.#evict();
  }

  #evict(): void {
    while (this.#bytes > this.#maxBytes && this.#kept.oldest) this.#drop(this.#kept.oldest.key);
  }

  #drop(key: string): void {
    const gone = this.#kept.delete(key);
    if (gone) this.#bytes -= sizeOf(key, gone.text);
  }
}

const sizeOf = (key: string, content: Uint8Array | string): number => content.length + 2 * key.length + entryBytes;

/** What the store of a method depends on: the part of the cache policy that says whose reply is whose. */
export interface RepliesConfig {
  readonly vary: readonly string[];
  readonly maxBytes: number;
  readonly side: "CLIENT" | "SERVER";
}

/**
 * The replies of the site's method and target, the same for everybody who asks. They survive a change of the policy, unless it changes
 * what makes replies differ.
 */
export function repliesOf({ method, shared, target }: Site, { vary, maxBytes }: RepliesConfig): Replies {
  const key = JSON.stringify(vary);
  const holder = shared(`replies:${method.path}:${target}`, () => ({ key, replies: new Replies(maxBytes) }));
  if (holder.key !== key) {
    holder.key = key;
    holder.replies = new Replies(maxBytes);
  } else holder.replies.bound(maxBytes);
  return holder.replies;
}

/** A message of its own from bytes, or from the text of such; undefined when they are not the message. */
export function copyOf(codec: Codec, kept: Uint8Array | string): unknown {
  try {
    // From a copy, because decoders let the fields of a message point into what they read.
    return codec.decode(typeof kept === "string" ? bytesOf(kept) : kept.slice());
  } catch {
    return undefined;
  }
}
