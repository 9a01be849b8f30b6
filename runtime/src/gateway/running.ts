import type { IncomingMessage, ServerResponse } from "node:http";
import { RpcError } from "../core/error.ts";
import { closeWithConnection } from "./queued.ts";

/** What answers a request. */
export interface Work {
  /** True when its answer has no end of its own. */
  readonly streams: boolean;
  /** Where `Running` keeps it; -1 while it does not. */
  place: number;
  /** Ends it from this side. */
  cancel(reason: RpcError): void;
}

/** The requests that are being answered. */
export class Running {
  /** Without order. A list, because a set asks each new object for a hash, which takes longer than all the rest here. */
  readonly #works: Work[] = [];
  readonly #waiting: (() => void)[] = [];

  /** Keeps what answers a request until its response is out, and cancels it when the client goes away before. */
  add(work: Work, req: IncomingMessage, res: ServerResponse): void {
    work.place = this.#works.push(work) - 1;
    closeWithConnection(req, res);
    // A connection that breaks while it is written to is reported here too; "close" is where it is handled.
    res.on("error", nothing).on("close", () => this.#over(work, res));
  }

  #over(work: Work, res: ServerResponse): void {
    if (work.place < 0) return;
    if (!res.writableFinished) work.cancel(new RpcError("CANCELLED", "the client went away"));
    const last = this.#works.pop() as Work;
    if (last !== work) {
      this.#works[work.place] = last;
      last.place = work.place;
    }
    work.place = -1;
    if (this.#works.length === 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Ends the calls under way with UNAVAILABLE. */
  end(which: "streams" | "all"): void {
    const reason = new RpcError("UNAVAILABLE", "the server is shutting down");
    for (const work of [...this.#works]) if (which === "all" || work.streams) work.cancel(reason);
  }

  /** Resolves when no request is being answered. */
  async idle(): Promise<void> {
    if (this.#works.length > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

const nothing = (): void => {};
