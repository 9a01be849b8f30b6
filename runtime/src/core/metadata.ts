/** A metadata value: text, or bytes under a key that ends in `-bin`. */
export type MetadataValue = string | Uint8Array;

/** What callers may pass where metadata is wanted: an instance, or a plain object; a key that is undefined is left out. */
export type MetadataInit = Metadata | { readonly [key: string]: MetadataValue | readonly MetadataValue[] | undefined };

const legalKey = /^[0-9a-z_.-]+$/;
const legalText = /^[\x20-\x7e]*$/;
/** Set by the transport alone. */
const reserved = new Set([
  "grpc-timeout",
  "grpc-status",
  "grpc-message",
  "grpc-encoding",
  "grpc-accept-encoding",
  "grpc-status-details-bin",
  "content-type",
  "te",
]);

/** Where received metadata is read from. Keys are in lower case. */
export interface MetadataSource {
  /** The values of one key; undefined or none when it is not there. */
  all(key: string): readonly MetadataValue[] | undefined;
  entries(): Iterable<readonly [string, MetadataValue]>;
}

/**
 * The headers or trailers of a call: lower-case keys, several values per key, bytes under `-bin` keys.
 *
 * Rejects what HTTP/2 could not carry: a key outside `[0-9a-z_.-]`, text outside printable ASCII, bytes under a
 * text key. Errors name the key, never the value. Source: gRPC over HTTP/2, "Custom-Metadata".
 */
export class Metadata implements Iterable<readonly [string, MetadataValue]> {
  /** Made when there is something to hold. */
  #values: Map<string, MetadataValue[]> | undefined;
  #source: MetadataSource | undefined;

  /** Metadata from what a caller passed; an instance is returned as it is. */
  static from(init: MetadataInit | undefined): Metadata {
    if (init instanceof Metadata) return init;
    const metadata = new Metadata();
    for (const key in init) {
      const value = init[key];
      if (value === undefined) continue;
      if (typeof value === "string" || value instanceof Uint8Array) metadata.append(key, value);
      else if (Array.isArray(value)) for (const one of value) metadata.append(key, one);
      else throw new TypeError(`metadata key ${JSON.stringify(key)}: give text, bytes, or a list of them`);
    }
    return metadata;
  }

  /** Metadata that is read from the wire only when somebody looks at it. The entries are trusted to be legal. */
  static lazy(source: MetadataSource): Metadata {
    const metadata = new Metadata();
    metadata.#source = source;
    return metadata;
  }

  /** The first value of a key as text, or undefined. Bytes are not text: see `bytes`. */
  get(key: string): string | undefined {
    const [value] = this.all(key);
    return typeof value === "string" ? value : undefined;
  }

  /** The first value of a `-bin` key, or undefined. */
  bytes(key: string): Uint8Array | undefined {
    const [value] = this.all(key);
    return typeof value === "string" ? undefined : value;
  }

  /** All values of a key, in the order they were sent. */
  all(key: string): readonly MetadataValue[] {
    const name = key.toLowerCase();
    return (this.#source ? this.#source.all(name) : this.#values?.get(name)) ?? none;
  }

  has(key: string): boolean {
    return this.all(key).length > 0;
  }

  /** Replaces the values of a key. */
  set(key: string, value: MetadataValue): this {
    this.#read().set(check(key, value), [value]);
    return this;
  }

  /** Adds a value to a key. */
  append(key: string, value: MetadataValue): this {
    const name = check(key, value);
    const values = this.#read().get(name);
    if (values) values.push(value);
    else this.#read().set(name, [value]);
    return this;
  }

  delete(key: string): this {
    this.#read().delete(key.toLowerCase());
    return this;
  }

  /** A copy that can be changed without touching this one. */
  clone(): Metadata {
    const copy = new Metadata();
    if (!this.empty) {
      copy.#values = new Map();
      for (const [key, values] of this.#read()) copy.#values.set(key, [...values]);
    }
    return copy;
  }

  /** True when there is no entry. */
  get empty(): boolean {
    return this.#source === undefined && (this.#values === undefined || this.#values.size === 0);
  }

  [Symbol.iterator](): Iterator<readonly [string, MetadataValue]> {
    const entries: (readonly [string, MetadataValue])[] = [];
    if (!this.empty) for (const [key, values] of this.#read()) for (const value of values) entries.push([key, value]);
    return entries.values();
  }

  /** The keys only: values may be secrets, and logs print objects by this method. */
  toJSON(): string[] {
    return this.empty ? [] : [...this.#read().keys()];
  }

  /** The values of its own, taken from the source first. */
  #read(): Map<string, MetadataValue[]> {
    this.#values ??= new Map();
    if (this.#source) {
      for (const [key, value] of this.#source.entries()) {
        const values = this.#values.get(key);
        if (values) values.push(value);
        else this.#values.set(key, [value]);
      }
      this.#source = undefined;
    }
    return this.#values;
  }
}

const none: readonly MetadataValue[] = [];

function check(key: string, value: MetadataValue): string {
  const name = key.toLowerCase();
  if (!legalKey.test(name))
    throw new TypeError(`metadata key ${JSON.stringify(key)}: use letters, digits, "_", "-" and "."`);
  if (reserved.has(name)) throw new TypeError(`metadata key ${JSON.stringify(key)}: the transport sets it, remove it`);
  if (name.endsWith("-bin") !== (typeof value !== "string")) {
    throw new TypeError(
      `metadata key ${JSON.stringify(key)}: bytes go under a key that ends in "-bin", text under any other`,
    );
  }
  if (typeof value === "string" && !legalText.test(value)) {
    throw new TypeError(
      `metadata key ${JSON.stringify(key)}: the value has characters outside printable ASCII; use a "-bin" key`,
    );
  }
  return name;
}
