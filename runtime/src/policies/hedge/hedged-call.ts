import type { Budget } from "../../core/budget.ts";
import type { Call } from "../../core/call.ts";
import { Cancellation } from "../../core/cancellation.ts";
import type { Clock } from "../../core/clock.ts";
import { decided } from "../../core/decision.ts";
import { type Code, RpcError } from "../../core/error.ts";
import type { Handler } from "../../core/layer.ts";
import type { Metadata } from "../../core/metadata.ts";
import { discard, isStream, onEnd } from "../../core/stream.ts";
import { pushback } from "../../messages/pushback.ts";
import { tellTrailers } from "../../messages/replies-trailers.ts";
import type { Latencies } from "./latencies.ts";

/** What all calls of a method have in common. */
export interface Hedging {
  readonly next: Handler;
  readonly clock: Clock;
  /** Of one call, the first one included. */
  readonly attempts: number;
  readonly keepGoingOn: ReadonlySet<Code>;
  readonly budget: Budget;
  /** How long each attempt gets before the next is sent. Absent: as `latencies` say. */
  readonly delayMs: number | undefined;
  readonly latencies: Latencies | undefined;
  /** Why an attempt is cancelled when another one has won. */
  readonly lost: RpcError;
}

interface Attempt {
  readonly number: number;
  readonly startedAt: number;
  readonly cancellation: Cancellation;
  /** Those that came before it was known whether the caller should hear them. */
  trailers: Metadata | undefined;
}

/** The failure of the only attempt that was under way. */
interface Failure {
  readonly attempt: Attempt;
  readonly error: unknown;
}

/**
 * One call that several attempts run for. The first attempt that answers, or fails in a way that ends the call, wins:
 * the caller hears of it alone, and the others are cancelled. Source: gRFC A6, "Hedging Policy".
 */
export class HedgedCall {
  readonly #hedging: Hedging;
  readonly #call: Call;
  readonly #resolve: (reply: unknown) => void;
  readonly #reject: (error: unknown) => void;
  readonly #delayMs: number | undefined;
  #unfollow: (() => void) | undefined;
  #sent = 0;
  #running: readonly Attempt[] = [];
  #winner: Attempt | undefined;
  /** When the oldest attempt started that was under way when one won: an answer of its own takes at least as long. */
  #runningSince = 0;
  #settled = false;
  /** The last failure that was no refusal of this process: those say that the peer has seen nothing of the call. */
  #answer: Failure | undefined;
  /** True when no attempt may follow: the peer, this process or the budget said so. */
  #stopped = false;
  /** Until when the peer wants to hear nothing. */
  #quietUntil = Number.NEGATIVE_INFINITY;
  #disarm: (() => void) | undefined;

  constructor(hedging: Hedging, call: Call, resolve: (reply: unknown) => void, reject: (error: unknown) => void) {
    this.#hedging = hedging;
    this.#call = call;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#delayMs = hedging.delayMs ?? hedging.latencies?.delayMs;
  }

  /** Sends the first attempt. The call must not be cancelled yet. */
  start(): void {
    this.#unfollow = this.#call.cancellation?.onCancel((reason) => this.#cancelled(reason));
    this.#send();
  }

  #send(): void {
    this.#disarmTimer();
    const call = this.#call;
    const attempt: Attempt = {
      number: call.attempt + this.#sent,
      startedAt: this.#hedging.clock.now(),
      cancellation: new Cancellation(),
      trailers: undefined,
    };
    this.#sent++;
    this.#running = [...this.#running, attempt];
    if (this.#delayMs !== undefined && this.#sent < this.#hedging.attempts) this.#sendAfter(this.#delayMs);
    this.#hedging
      .next({
        ...call,
        attempt: attempt.number,
        cancellation: attempt.cancellation,
        // Headers commit the call, so they end the race too.
        onHeaders: (headers) => {
          if (this.#wins(attempt)) call.onHeaders?.(headers);
        },
        onTrailers: call.onTrailers && ((trailers) => this.#ended(attempt, trailers)),
      })
      .then(
        (reply) => this.#answered(attempt, reply),
        (error: unknown) => this.#failed(attempt, error),
      );
  }

  /**
   * Sends another attempt after the wait, in place of the one that was to be sent before. With `last`, that attempt is
   * paid for, and the call fails with `last` when it cannot be sent. False when it could not start in time.
   */
  #sendAfter(ms: number, last?: Failure): boolean {
    const { clock } = this.#hedging;
    this.#disarmTimer();
    if (ms >= this.#call.deadline - clock.now()) return false;
    this.#disarm = clock.schedule(ms, () => {
      if (!this.#another(last !== undefined) && last) this.#fail(last);
    });
    return true;
  }

  /** Sends another attempt now. False when there is no time or nothing in the budget for it. */
  #another(paid: boolean): boolean {
    // Timers can be late.
    if (this.#hedging.clock.now() >= this.#call.deadline) return false;
    if (!paid && !this.#pay()) return false;
    decided("hedge", "sent", this.#call.method.path, { attempt: this.#call.attempt + this.#sent });
    this.#send();
    return true;
  }

  #pay(): boolean {
    const { budget, clock } = this.#hedging;
    if (budget.withdraw(clock.now())) return true;
    this.#stop();
    decided("hedge", "throttled", this.#call.method.path, { attempt: this.#call.attempt + this.#sent });
    return false;
  }

  #stop(): void {
    this.#stopped = true;
    this.#disarmTimer();
  }

  #disarmTimer(): void {
    this.#disarm?.();
    this.#disarm = undefined;
  }

  /** Makes this attempt the one that counts, unless there is one already. Says whether it is the one. */
  #wins(attempt: Attempt): boolean {
    if (this.#winner) return this.#winner === attempt;
    this.#winner = attempt;
    this.#disarmTimer();
    const running = this.#running;
    this.#running = [attempt];
    this.#runningSince = running[0]?.startedAt ?? attempt.startedAt;
    for (const one of running) if (one !== attempt) one.cancellation.cancel(this.#hedging.lost);
    return true;
  }

  #answered(attempt: Attempt, reply: unknown): void {
    if (this.#settled || !this.#wins(attempt)) {
      if (isStream(reply)) discard(reply);
      return;
    }
    const { latencies, clock } = this.#hedging;
    const { method, attempt: first } = this.#call;
    latencies?.add(clock.now() - this.#runningSince);
    if (attempt.number > first) decided("hedge", "won", method.path, { attempt: attempt.number });
    this.#settled = true;
    const unheard = this.#tellTrailers(attempt);
    if (isStream(reply) && !unheard) {
      this.#resolve(onEnd(reply, () => this.#unfollow?.()));
      return;
    }
    this.#unfollow?.();
    if (!unheard) this.#resolve(reply);
    else {
      if (isStream(reply)) discard(reply);
      this.#reject(unheard);
    }
  }

  #failed(attempt: Attempt, error: unknown): void {
    if (this.#settled || (this.#winner && this.#winner !== attempt)) return;
    this.#running = this.#running.filter((one) => one !== attempt);
    let failure = { attempt, error };
    if (!(error instanceof RpcError) || error.refusedBy === undefined) this.#answer = failure;
    else failure = this.#answer ?? failure;
    if (this.#winner || !this.#goesOn(error) || !this.#follow(failure)) this.#fail(failure);
  }

  /** Whether the call can have another answer than this error. Notes what the error says about more attempts. */
  #goesOn(error: unknown): boolean {
    if (!(error instanceof RpcError) || error.committed) return false;
    if (error.refusedBy !== undefined) {
      // It says nothing about the attempts under way, but one more would meet the same refusal.
      this.#stop();
      return true;
    }
    const { keepGoingOn, clock } = this.#hedging;
    if (!keepGoingOn.has(error.code)) return false;
    const told = pushback(error);
    if (typeof told === "number") this.#quietUntil = Math.max(this.#quietUntil, clock.now() + told);
    // Whoever is out of quota stays so for a while; only the peer knows for how long.
    else if (told === "stop" || error.code === "RESOURCE_EXHAUSTED") this.#stop();
    return true;
  }

  /** Sends the next attempt at once, or when the peer wants it. False when nothing is under way and nothing follows. */
  #follow(failure: Failure): boolean {
    const { clock, attempts } = this.#hedging;
    const others = this.#running.length > 0;
    if (this.#stopped || this.#sent >= attempts) return others;
    const now = clock.now();
    const wait = Math.max(0, this.#quietUntil - now);
    if (others) {
      if (wait > 0) this.#sendAfter(wait);
      else this.#another(false);
      return true;
    }
    // Nothing else can answer, so whether there is another attempt is decided now and not after a wait.
    if (wait >= this.#call.deadline - now || !this.#pay()) return false;
    return wait > 0 ? this.#sendAfter(wait, failure) : this.#another(true);
  }

  #fail({ attempt, error }: Failure): void {
    this.#wins(attempt);
    this.#settled = true;
    this.#unfollow?.();
    this.#reject(this.#tellTrailers(attempt) ?? error);
  }

  #cancelled(reason: RpcError): void {
    this.#disarmTimer();
    // The trailers of one attempt are still for the caller, if there are any.
    this.#winner ??= this.#running.at(-1);
    this.#settled = true;
    for (const { cancellation } of this.#running) cancellation.cancel(reason);
    this.#reject(reason);
  }

  #ended(attempt: Attempt, trailers: Metadata): void {
    if (this.#winner === attempt) this.#call.onTrailers?.(trailers);
    else attempt.trailers = trailers;
  }

  /** Hands over the trailers that came before the attempt won. Returns what the call fails with when that goes wrong. */
  #tellTrailers({ trailers }: Attempt): RpcError | undefined {
    return trailers && tellTrailers(this.#call, trailers);
  }
}
