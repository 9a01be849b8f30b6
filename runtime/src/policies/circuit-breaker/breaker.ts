import type { CircuitBreakerConfig } from "./config.ts";
import { type Gate, type Outcome, type Tell, Ticket, Waiting } from "./gate.ts";
import { Window } from "./window.ts";

/** The open time grows no further than so many times. */
const longest = 6;

/**
 * All or none: closed, open, half-open. Source: resilience4j's CircuitBreaker, over a window of time that really expires.
 *
 * A call counts when it has been answered, or when it has waited for `slowMs`; so with `slowMs` an outage shows before
 * its calls have failed. Whatever was sent before it opened has no say in what comes after.
 */
export class Breaker implements Gate {
  readonly #config: CircuitBreakerConfig;
  readonly #random: () => number;
  readonly #tell: Tell;
  readonly #slowMs: number;
  /** So many probes may fail without opening it again. When all fail it opens, also with a ratio of 1. */
  readonly #bearable: number;
  readonly #window: Window;
  #state: "closed" | "open" | "halfOpen" = "closed";
  #era = 0;
  /** How long it is open this time, or was the last time, and how often in a row the probes have failed. */
  #openMs = 0;
  #relapses = 0;
  /** Open: when that ends. Closed: since when. Half-open: when the last call was admitted or ended. */
  #time = Number.NEGATIVE_INFINITY;
  /** Closed: calls that may become slow. Half-open: the probes under way. */
  readonly #waiting = new Waiting();
  /** Half-open: probes by how they ended. */
  #good = 0;
  #bad = 0;

  constructor(config: CircuitBreakerConfig, random: () => number, tell: Tell) {
    this.#config = config;
    this.#random = random;
    this.#tell = tell;
    this.#slowMs = config.slowMs ?? Number.POSITIVE_INFINITY;
    // A product such as 0.29 * 100 is a little less than it should be.
    this.#bearable = Math.min(Math.floor(config.ratio * config.probes + 1e-9), config.probes - 1);
    this.#window = new Window(config.windowMs);
  }

  /** Where it stands, as of the last call. */
  get state(): "closed" | "open" | "halfOpen" {
    return this.#state;
  }

  admit(now: number): Ticket | undefined {
    if (this.#state !== "closed") this.#passTime(now);
    this.#window.advance(now);
    if (this.#slowMs !== Number.POSITIVE_INFINITY) this.#countSlow(now);
    if (this.#state === "open" || (this.#state === "halfOpen" && !this.#hasPlace(now))) return undefined;
    const ticket = new Ticket(now, this.#era);
    if (this.#state === "halfOpen") this.#time = now;
    if (this.#state === "halfOpen" || this.#slowMs !== Number.POSITIVE_INFINITY) this.#waiting.add(ticket);
    return ticket;
  }

  settle(ticket: Ticket, outcome: Outcome, now: number): boolean {
    if (ticket.era !== this.#era || ticket.settled) return false;
    ticket.settled = true;
    this.#waiting.remove(ticket);
    if (this.#state === "halfOpen") this.#time = now;
    // Who waited for longer than that has seen enough, whoever ended the call.
    const failed = outcome === "failure" || now - ticket.startedAt > this.#slowMs;
    if (!failed && outcome === "nothing") return false;
    this.#window.advance(now);
    this.#count(now, failed, now);
    return !failed;
  }

  revoke(ticket: Ticket, settledAt: number, now: number): void {
    if (ticket.era !== this.#era) return;
    if (this.#state === "halfOpen") {
      this.#time = now;
      this.#good--;
      this.#count(now, true, now);
      return;
    }
    this.#window.advance(now);
    if (settledAt > this.#time && this.#window.holds(settledAt)) this.#window.add(settledAt, 0, 1);
    else this.#window.add(now, 1, 1);
    this.#openIfTooMany(now);
  }

  /** Open or half-open: goes on to what the time that has passed makes of it. */
  #passTime(now: number): void {
    const { windowMs } = this.#config;
    if (this.#state === "halfOpen") {
      // Calls that come get a place at least every open time; so for the whole window nobody called.
      if (now - this.#time >= this.#openMs + windowMs) this.#forget(now);
    } else if (now >= this.#time + windowMs) this.#forget(now);
    else if (now >= this.#time) {
      this.#state = "halfOpen";
      this.#good = 0;
      this.#bad = 0;
      this.#tell("halfOpen");
    }
  }

  #countSlow(now: number): void {
    for (let ticket = this.#waiting.first; ticket; ticket = this.#waiting.first) {
      if (now - ticket.startedAt <= this.#slowMs) return;
      ticket.settled = true;
      this.#waiting.remove(ticket);
      // At the time when it became slow: after an hour nobody wants to know any more.
      this.#count(ticket.startedAt + this.#slowMs, true, now);
    }
  }

  /** A probe without an answer loses its place after an open time, so that silent ones cannot hold it for ever; its result still counts. */
  #hasPlace(now: number): boolean {
    const waiting = this.#waiting;
    const taken = this.#good + this.#bad;
    while (taken + waiting.size >= this.#config.probes) {
      const { first } = waiting;
      if (!first || now - first.startedAt < this.#openMs) return false;
      waiting.remove(first);
    }
    return true;
  }

  #count(at: number, failed: boolean, now: number): void {
    if (this.#state === "closed") {
      this.#window.add(at, 1, failed ? 1 : 0);
      this.#openIfTooMany(now);
      return;
    }
    if (failed) this.#bad++;
    else this.#good++;
    if (this.#bad > this.#bearable) {
      this.#relapses++;
      this.#open(now, this.#good + this.#bad, this.#bad);
    } else if (this.#good >= this.#config.probes - this.#bearable) this.#close(now);
  }

  #openIfTooMany(now: number): void {
    const { calls, marked } = this.#window;
    if (calls >= this.#config.minCalls && marked / calls >= this.#config.ratio) this.#open(now, calls, marked);
  }

  #open(now: number, calls: number, failures: number): void {
    // Spread, so that clients that saw the same outage do not come back at the same time.
    const spread = 0.8 + 0.4 * this.#random();
    this.#openMs = this.#config.openMs * Math.min(2 ** this.#relapses, longest) * spread;
    this.#time = now + this.#openMs;
    this.#state = "open";
    this.#era++;
    this.#waiting.clear();
    this.#tell("opened", { calls, failures, openMs: Math.round(this.#openMs) });
  }

  /** Probes keep their say: a stream that began well may still fail. */
  #close(now: number): void {
    this.#relapses = 0;
    this.#time = now;
    this.#state = "closed";
    this.#window.clear();
    this.#tell("closed");
  }

  /** Nobody called for a whole window after it could have been tried again, so all it knows is out of date. */
  #forget(now: number): void {
    this.#era++;
    this.#waiting.clear();
    this.#close(now);
  }
}
