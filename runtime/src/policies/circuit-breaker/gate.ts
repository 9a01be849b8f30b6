import type { Decision } from "../../core/decision.ts";

/**
 * What is known of a call when it has ended. `answer`: the peer works, whatever it said. `failure`: it does not.
 * `nothing`: the call was refused by this process or given up by its caller, and says nothing about the peer.
 */
export type Outcome = "answer" | "failure" | "nothing";

/** Tells of a change of state. */
export type Tell = (outcome: "opened" | "halfOpen" | "closed", detail?: Decision["detail"]) => void;

/**
 * Decides which calls are sent, and learns from how they end. Synchronous, and without timers: what time has changed
 * takes effect when the next call asks. Times are those of the clock's `now()`, and never go back.
 */
export interface Gate {
  /** The ticket of a call that may be sent, or undefined. `forced`: it is sent in any case, so all that is asked is what to learn. */
  admit(now: number, forced: boolean): Ticket | undefined;
  /** Takes the ticket back when the call has ended or its stream has begun. True when it counted as an answer. */
  settle(ticket: Ticket, outcome: Outcome, now: number): boolean;
  /** A stream failed that counted as an answer when it began, at `settledAt`. */
  revoke(ticket: Ticket, settledAt: number, now: number): void;
}

/** A call that was admitted. */
export class Ticket {
  readonly startedAt: number;
  /** How often the gate had opened when it was admitted: what it learns from an earlier time is no news. */
  readonly era: number;
  /** It has counted, or never will. */
  settled = false;
  /** Neighbours in the list of those that are waited for. */
  before: Ticket | undefined = undefined;
  after: Ticket | undefined = undefined;

  constructor(startedAt: number, era: number) {
    this.startedAt = startedAt;
    this.era = era;
  }
}

/** Tickets in the order in which they were admitted. */
export class Waiting {
  size = 0;
  first: Ticket | undefined;
  #last: Ticket | undefined;

  add(ticket: Ticket): void {
    ticket.before = this.#last;
    if (this.#last) this.#last.after = ticket;
    else this.first = ticket;
    this.#last = ticket;
    this.size++;
  }

  /** Takes a ticket out; one that is not in it changes nothing. */
  remove(ticket: Ticket): void {
    if (!ticket.before && this.first !== ticket) return;
    if (ticket.before) ticket.before.after = ticket.after;
    else this.first = ticket.after;
    if (ticket.after) ticket.after.before = ticket.before;
    else this.#last = ticket.before;
    ticket.before = undefined;
    ticket.after = undefined;
    this.size--;
  }

  clear(): void {
    this.first = undefined;
    this.#last = undefined;
    this.size = 0;
  }
}
