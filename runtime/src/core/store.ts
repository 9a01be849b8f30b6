/** What runs Lua scripts atomically: a client of Redis or Valkey, behind one function. */
export interface Store {
  /** The script's result. Fails when the store does. */
  eval(script: string, keys: readonly string[], args: readonly string[]): Promise<unknown>;
}

/** Where state lives that the replicas of a server share. */
export interface StoreOptions extends Store {
  /** Goes before every key. Default: `mesh:`. */
  readonly prefix?: string | undefined;
  /** How long a call waits for the store, in milliseconds. Default: 50. */
  readonly timeoutMs?: number | undefined;
  /** How many replicas there are, for their share of a limit while the store is away. Default: 1. */
  readonly replicas?: number | undefined;
}
