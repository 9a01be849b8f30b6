import type { IncomingMessage, ServerResponse } from "node:http";
import { RpcError } from "../core/error.ts";
import { closeWithConnection } from "./queued.ts";

/** What answers a request. */
export interface Work {
  /** True when its answer has no end of its own. */
  readonly streams: boolean;
  /** Ends it from this side. */
  cancel(reason: RpcError): void;
}

/** The requests that are being answered, by their responses. */
export class Running {
  readonly #works = new Map<ServerResponse, Work>();
  readonly #waiting: (() => void)[] = [];
  /** One listener for all responses. */
  readonly #closed: (this: ServerResponse) => void;

  constructor() {
    const over = (res: ServerResponse) => this.#over(res);
    this.#closed = function () {
      over(this);
    };
  }

  /** Keeps what answers a request until its response is out, and cancels it when the client goes away before. */
  add(work: Work, req: IncomingMessage, res: ServerResponse): void {
    this.#works.set(res, work);
    closeWithConnection(req, res);
    // A connection that breaks while it is written to is reported here too; "close" is where it is handled.
    res.on("error", nothing).on("close", this.#closed);
  }

  #over(res: ServerResponse): void {
    const work = this.#works.get(res);
    if (!work) return;
    this.#works.delete(res);
    if (!res.writableFinished) work.cancel(new RpcError("CANCELLED", "the client went away"));
    if (this.#works.size === 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Ends the calls under way with UNAVAILABLE. */
  end(which: "streams" | "all"): void {
    const reason = new RpcError("UNAVAILABLE", "the server is shutting down");
    for (const work of this.#works.values()) if (which === "all" || work.streams) work.cancel(reason);
  }

  /** Resolves when no request is being answered. */
  async idle(): Promise<void> {
    if (this.#works.size > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

const nothing = (): void => {};
