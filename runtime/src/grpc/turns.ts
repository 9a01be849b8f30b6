/** Steps in one turn: enough to share its price, few enough to let others have theirs. */
const stepsPerTurn = 16;

/**
 * Runs steps right after the event loop has looked at its sockets, and never between a socket's event and what
 * follows from it.
 *
 * Sending needs that: when a server ends a call, grpc-js ends its stream at once but tells us a few ticks later. A
 * message sent in those ticks fails with "write after end", and that replaces the status and drops unread messages.
 */
export class Turns {
  #open = false;
  #left = 0;
  #step: (() => void) | undefined;

  /** Runs the step in this turn if it is one, or else in the next. One step at a time. */
  run(step: () => void): void {
    if (this.#open && this.#left > 0) {
      this.#left -= 1;
      step();
      return;
    }
    this.#step = step;
    // Both run in the same phase of the loop; between them only what the first one sets off, and no socket event.
    setImmediate(this.#begin);
    setImmediate(this.#end);
  }

  readonly #begin = (): void => {
    this.#open = true;
    this.#left = stepsPerTurn - 1;
    this.#step?.();
  };

  readonly #end = (): void => {
    this.#open = false;
  };
}
