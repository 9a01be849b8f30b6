import type { CircuitBreakerConfig } from "./config.ts";
import { type Gate, type Outcome, Ticket, Waiting } from "./gate.ts";
import { Window } from "./window.ts";

/** After so many parts of the window without a call one is sent, whatever the chance says. */
const tries = 10;

/**
 * A growing share: a call is refused with the chance `(requests - K * accepts) / (requests + 1)`, at least 0, where
 * `K = 1 / (1 - ratio)`. As long as at most `ratio` of the calls fail, none is refused; with the ratio 0.5, K is 2.
 *
 * A call counts when it has been answered, when it has waited for `slowMs`, or when it was refused; so one that is under way
 * says nothing, and a burst of calls to a peer that is well meets no refusal. The chance is always below 1, but with many
 * requests hardly so; therefore a call goes out at least every tenth of the window.
 * Source: Google SRE book, "Client-Side Throttling", where calls under way count as requests, of so many that it is no matter.
 */
export class Throttle implements Gate {
  readonly #minCalls: number;
  readonly #k: number;
  readonly #slowMs: number;
  readonly #tryMs: number;
  readonly #random: () => number;
  /** Requests; the accepted ones are marked. */
  readonly #window: Window;
  /** Calls that may become slow. */
  readonly #waiting = new Waiting();
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
    if (!forced && chance > 0 && now - this.#admittedAt < this.#tryMs && this.#random() < chance) {
      this.#window.add(now, 1, 0);
      return undefined;
    }
    this.#admittedAt = now;
    const ticket = new Ticket(now, 0);
    if (this.#slowMs !== Number.POSITIVE_INFINITY) this.#waiting.add(ticket);
    return ticket;
  }

  settle(ticket: Ticket, outcome: Outcome, now: number): boolean {
    if (ticket.settled) return false;
    ticket.settled = true;
    this.#waiting.remove(ticket);
    const failed = outcome === "failure" || now - ticket.startedAt > this.#slowMs;
    if (!failed && outcome === "nothing") return false;
    this.#window.advance(now);
    this.#window.add(now, 1, failed ? 0 : 1);
    return !failed;
  }

  revoke(_: Ticket, settledAt: number, now: number): void {
    this.#window.advance(now);
    this.#window.add(settledAt, 0, -1);
  }

  /** How likely the next call is refused: at least 0, below 1. */
  chance(now: number): number {
    this.#window.advance(now);
    this.#countSlow(now);
    const { calls, marked } = this.#window;
    return calls < this.#minCalls ? 0 : Math.max(0, (calls - this.#k * marked) / (calls + 1));
  }
  #countSlow(now: number): void {
    for (let ticket = this.#waiting.first; ticket; ticket = this.#waiting.first) {
      if (now - ticket.startedAt <= this.#slowMs) return;
      ticket.settled = true;
      this.#waiting.remove(ticket);
      this.#window.add(ticket.startedAt + this.#slowMs, 1, 0);
    }
  }
}
