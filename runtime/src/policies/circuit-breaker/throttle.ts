import type { CircuitBreakerConfig } from "./config.ts";
import { type Gate, type Outcome, Ticket } from "./gate.ts";
import { Window } from "./window.ts";

/** After so many parts of the window without a call one is sent, whatever the chance says. */
const tries = 10;

/**
 * A growing share: a call is refused with the chance `(requests - K * accepts) / (requests + 1)`, at least 0, where
 * `K = 1 / (1 - ratio)`. As long as at most `ratio` of the calls fail, none is refused; with the ratio 0.5, K is 2.
 *
 * Requests count when they are issued, refused ones too, so an outage shows before its calls have failed. The chance is
 * always below 1, but with many requests hardly so; therefore a call goes out at least every tenth of the window.
 * Source: Google SRE book, "Client-Side Throttling".
 */
export class Throttle implements Gate {
  readonly #minCalls: number;
  readonly #k: number;
  readonly #slowMs: number;
  readonly #tryMs: number;
  readonly #random: () => number;
  /** Requests; the accepted ones are marked. */
  readonly #window: Window;
  #admittedAt = Number.NEGATIVE_INFINITY;

  constructor({ ratio, minCalls, windowMs, slowMs }: CircuitBreakerConfig, random: () => number) {
    this.#minCalls = minCalls;
    this.#k = 1 / (1 - ratio);
    this.#slowMs = slowMs ?? Number.POSITIVE_INFINITY;
    this.#tryMs = windowMs / tries;
    this.#random = random;
    this.#window = new Window(windowMs);
  }

  admit(now: number, forced: boolean): Ticket | undefined {
    const chance = this.chance(now);
    this.#window.add(now, 1, 0);
    if (!forced && chance > 0 && now - this.#admittedAt < this.#tryMs && this.#random() < chance) return undefined;
    this.#admittedAt = now;
    return new Ticket(now, 0);
  }

  settle(ticket: Ticket, outcome: Outcome, now: number): boolean {
    this.#window.advance(now);
    if (outcome === "failure" || now - ticket.startedAt > this.#slowMs) return false;
    if (outcome === "answer") this.#window.add(now, 0, 1);
    else this.#window.add(ticket.startedAt, -1, 0);
    return outcome === "answer";
  }

  revoke(_: Ticket, settledAt: number, now: number): void {
    this.#window.advance(now);
    this.#window.add(settledAt, 0, -1);
  }

  /** How likely the next call is refused: at least 0, below 1. */
  chance(now: number): number {
    this.#window.advance(now);
    const { calls, marked } = this.#window;
    return calls < this.#minCalls ? 0 : Math.max(0, (calls - this.#k * marked) / (calls + 1));
  }
}
