import type { Cancellation } from "../../core/cancellation.ts";
import type { OpenBody } from "./inflate.ts";

/**
 * Reads a body in chunks, and no faster than they are asked for: what nobody asks for stays in the socket, and its sender
 * waits.
 */
export class BodyReader {
  readonly #body: OpenBody;
  readonly #leave: () => void;
  readonly #wake = () => this.#waiting?.();
  readonly #onEnd = () => this.#finish();
  readonly #onError = (error: unknown) => this.#finish({ error: this.#body.meaning(error) });
  #waiting: (() => void) | undefined;
  #over = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(body: OpenBody, cancellation: Cancellation) {
    this.#body = body;
    body.stream.on("readable", this.#wake).on("end", this.#onEnd).on("error", this.#onError);
    // Last: it may have fired.
    this.#leave = cancellation.onCancel((error) => this.#finish({ error }));
  }

  /**
   * The next chunk, undefined at the end of the body or after `stop`. Fails with what the body failed with, or with the
   * cancellation's reason. One call at a time.
   */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#failure) throw this.#failure.error;
      if (this.#over) return undefined;
      const chunk = this.#body.stream.read() as Buffer | null;
      if (chunk !== null) return chunk;
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }

  /** Ends the reading. What is left flows by unread. */
  stop(): void {
    this.#finish();
  }

  #finish(failure?: { readonly error: unknown }): void {
    if (this.#over) return;
    this.#over = true;
    this.#failure = failure;
    this.#body.stream.off("readable", this.#wake).off("end", this.#onEnd).off("error", this.#onError);
    // Undefined when the cancellation had fired before.
    this.#leave?.();
    this.#body.stop();
    this.#waiting?.();
  }
}
