import type { RpcError } from "./error.ts";

/**
 * Tells everybody who works for a call that nobody waits for it any more.
 *
 * It does what an AbortController does at a hundredth of the price: the AbortSignal itself is made only when
 * somebody asks for it. Created by transports and by layers that start several attempts.
 */
export class Cancellation {
  #reason: RpcError | undefined;
  /** Most are listened to by one alone, who needs no set. */
  #first: Listener | undefined;
  #others: Set<Listener> | undefined;
  #controller: AbortController | undefined;
  /** Lets go of what this one follows. Whoever started the call runs it when the call has ended. */
  release: (() => void) | undefined;

  /** Why the call was cancelled, or undefined while it is wanted. */
  get reason(): RpcError | undefined {
    return this.#reason;
  }

  /** The same fact as an AbortSignal, for fetch, timers and other APIs that take one. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Cancels. Only the first reason counts. */
  cancel(reason: RpcError): void {
    if (this.#reason) return;
    this.#reason = reason;
    const [first, others] = [this.#first, this.#others];
    this.#first = undefined;
    this.#others = undefined;
    if (first) tell(first, reason);
    if (others) for (const listener of others) tell(listener, reason);
    this.#controller?.abort(reason);
  }

  /** Runs the listener at cancellation, at once when that has happened. Returns how to stop listening. */
  onCancel(listener: Listener): () => void {
    if (this.#reason) {
      listener(this.#reason);
      return nothing;
    }
    if (this.#first === undefined && this.#others === undefined) this.#first = listener;
    if (this.#first === listener) {
      return () => {
        if (this.#first === listener) this.#first = undefined;
      };
    }
    this.#others ??= new Set();
    const others = this.#others;
    others.add(listener);
    return () => others.delete(listener);
  }

  /** How many listen. For tests: zero after a call has ended. */
  get listening(): number {
    return (this.#first ? 1 : 0) + (this.#others?.size ?? 0);
  }
}

const nothing = () => {};

type Listener = (reason: RpcError) => void;

/** An implementation may listen too: when it throws, everybody else must hear of the end all the same. */
function tell(listener: (reason: RpcError) => void, reason: RpcError): void {
  try {
    listener(reason);
  } catch (error) {
    // As AbortSignal does with the errors of its listeners.
    process.nextTick(() => {
      throw error;
    });
  }
}
