import { Channel, type ChannelCredentials, type ChannelOptions, connectivityState } from "@grpc/grpc-js";
import { systemClock } from "../core/clock.ts";
import { RpcError } from "../core/error.ts";

/** A call, as far as its channel must know it. */
interface Waiting {
  cancel(reason: RpcError): void;
}

/** A channel of a connection, and the calls that wait for it to be there. */
export class Lane {
  readonly channel: Channel;
  readonly #name: string;
  readonly #connectTimeoutMs: number;
  /** Calls that had no connection when they started, the oldest first, and when they have waited long enough. */
  readonly #waiting = new Map<Waiting, number>();
  #disarm: (() => void) | undefined;
  #watching = false;

  /** Throws when the address cannot be used. */
  constructor(address: string, credentials: ChannelCredentials, options: ChannelOptions, connectTimeoutMs: number) {
    this.channel = new Channel(address, credentials, options);
    this.#name = address;
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  /** False while there is no connection to the peer. */
  get ready(): boolean {
    return this.channel.getConnectivityState(false) === connectivityState.READY;
  }

  started(call: Waiting): void {
    if (!this.ready) this.#await(call);
  }

  ended(call: Waiting): void {
    if (this.#waiting.delete(call) && this.#waiting.size === 0) this.#stopTimer();
  }

  close(): void {
    this.channel.close();
  }

  /**
   * grpc-js fails a call when connecting fails, but an address that swallows packets neither connects nor fails for
   * minutes. So calls wait for the connection under a timer of ours, one for all of them.
   */
  #await(call: Waiting): void {
    this.#waiting.set(call, systemClock.now() + this.#connectTimeoutMs);
    if (!this.#disarm) this.#arm(this.#connectTimeoutMs);
    if (!this.#watching) this.#watch();
  }

  #watch(): void {
    this.#watching = true;
    this.channel.watchConnectivityState(this.channel.getConnectivityState(false), Number.POSITIVE_INFINITY, () => {
      this.#watching = false;
      if (this.ready) {
        this.#waiting.clear();
        this.#stopTimer();
      } else if (this.#waiting.size > 0) this.#watch();
    });
  }

  #arm(ms: number): void {
    this.#stopTimer();
    this.#disarm = systemClock.schedule(ms, () => this.#expire());
  }

  /** Fails the calls that have waited long enough, and comes back for the oldest of the others. */
  #expire(): void {
    this.#disarm = undefined;
    const now = systemClock.now();
    const text = `${this.#name}: no connection within ${this.#connectTimeoutMs} ms`;
    for (const [call, until] of this.#waiting) {
      if (until > now) {
        this.#arm(until - now);
        return;
      }
      this.#waiting.delete(call);
      call.cancel(new RpcError("UNAVAILABLE", text, { origin: "transport" }));
    }
  }

  #stopTimer(): void {
    this.#disarm?.();
    this.#disarm = undefined;
  }
}
