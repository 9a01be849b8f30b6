/** Values by the hosts that they are for. */
export class HostTable<T> {
  readonly #exact = new Map<string, T>();
  /** By suffix with its leading dot, longest first. */
  #suffixes: readonly (readonly [suffix: string, value: T])[] = [];
  #any: T | undefined;
  #everywhere: readonly T[] = [];

  /** The value of a host, made when there is none: a name, `*.name` for what ends so, undefined for every host. */
  at(pattern: string | undefined, create: () => T): T {
    const value = this.#get(pattern) ?? create();
    if (pattern === undefined) {
      this.#any = value;
      this.#everywhere = [value];
    } else if (!pattern.startsWith("*")) this.#exact.set(pattern, value);
    else if (!this.#get(pattern))
      this.#suffixes = [...this.#suffixes, [pattern.slice(1), value] as const].sort(([a], [b]) => b.length - a.length);
    return value;
  }

  #get(pattern: string | undefined): T | undefined {
    if (pattern === undefined) return this.#any;
    return pattern.startsWith("*")
      ? this.#suffixes.find(([suffix]) => suffix === pattern.slice(1))?.[1]
      : this.#exact.get(pattern);
  }

  /** True when hosts make no difference. */
  get plain(): boolean {
    return this.#exact.size === 0 && this.#suffixes.length === 0;
  }

  /** What is for every host: one value, or none. */
  get everywhere(): readonly T[] {
    return this.#everywhere;
  }

  /** What is for a host, the most specific first. */
  of(host: string): readonly T[] {
    const exact = this.#exact.get(host);
    const wide = this.#suffixes.flatMap(([suffix, value]) =>
      host.length > suffix.length && host.endsWith(suffix) ? [value] : [],
    );
    return [...(exact === undefined ? [] : [exact]), ...wide, ...this.#everywhere];
  }
}

/**
 * The host that a request is for, without its port, in small letters; "" when it names none. The target's own wins over the
 * header. Source: RFC 9112, 3.2.2.
 */
export function hostOf(target: string, header: string | undefined): string {
  const authority = target.startsWith("/") ? undefined : /^[a-z][a-z0-9+.-]*:\/\/([^/?]*)/i.exec(target)?.[1];
  const [, host = ""] = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(authority ?? header ?? "") ?? [];
  return host.toLowerCase().replace(/\.$/, "");
}

/** A host pattern as it is compared. Throws a TypeError when no host can have it. */
export function hostPattern(pattern: string, where: string): string {
  const lower = String(pattern).toLowerCase();
  if (lower.length <= 253 && /^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$|^\[[0-9a-f:.]+\]$/.test(lower)) return lower;
  throw new TypeError(
    `${where}: host is ${JSON.stringify(pattern)}: use a name without a port, such as "api.example.com" or "*.example.com"`,
  );
}
