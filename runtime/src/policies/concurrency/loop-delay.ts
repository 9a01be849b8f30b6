import { monitorEventLoopDelay } from "node:perf_hooks";
import { type Clock, systemClock } from "../../core/clock.ts";
import type { Criticality } from "../../core/criticality.ts";

/** How loaded the whole process is. */
export interface Saturation {
  /** How much later than due things happen: the 99th percentile of the last seconds, in milliseconds. */
  delayMs(): number;
}

/**
 * From which delay on a call of this criticality is shed, in milliseconds.
 *
 * At 100 ms a call over three such hops is late by the time that most are given in all. What is CRITICAL is never shed for
 * it: that is what every call is by default, and one slow computation must not turn away everybody.
 */
export const shedsAtMs: { readonly [criticality in Criticality]: number } = {
  SHEDDABLE: 100,
  SHEDDABLE_PLUS: 200,
  CRITICAL: Number.POSITIVE_INFINITY,
  CRITICAL_PLUS: Number.POSITIVE_INFINITY,
};

/** The key under which a site keeps its saturation. */
export const saturationKey = "concurrency:saturation";

/** The part of an `IntervalHistogram` that is read. */
export interface DelayHistogram {
  /** In nanoseconds. */
  percentile(percentile: number): number;
  reset(): void;
}

/** How often the delay is sampled. What is measured includes it. */
const resolutionMs = 10;
/** Some 200 samples: a single pause, such as one of garbage collection, is not the 99th percentile. */
const windowMs = 2000;
/** A measurement over a longer time says nothing about now. */
const staleMs = 10_000;

/**
 * Measures how late the event loop is, which is how loaded a process of one thread is: CPU time does not tell work from
 * waiting. It starts at the first question, so a process in which every call is CRITICAL measures nothing, and it is
 * read by calls: there is no timer. Source: `monitorEventLoopDelay` of node:perf_hooks.
 */
export class LoopDelay implements Saturation {
  readonly #clock: Clock;
  readonly #start: () => DelayHistogram;
  #histogram: DelayHistogram | undefined;
  #since = 0;
  #delayMs = 0;

  constructor(clock: Clock, start: () => DelayHistogram) {
    this.#clock = clock;
    this.#start = start;
  }

  delayMs(): number {
    const now = this.#clock.now();
    if (!this.#histogram) {
      this.#histogram = this.#start();
      this.#since = now;
    }
    const age = now - this.#since;
    if (age < windowMs) return this.#delayMs;
    this.#delayMs = age > staleMs ? 0 : Math.max(0, this.#histogram.percentile(99) / 1e6 - resolutionMs);
    this.#histogram.reset();
    this.#since = now;
    return this.#delayMs;
  }
}

/** One for the process: the sampler of Node.js does not keep the process alive, and the next server wants it again. */
const ofThisProcess = new LoopDelay(systemClock, () => {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  return histogram;
});

const none: Saturation = { delayMs: () => 0 };

/** The saturation of a server with this clock. Where time is a test's, the process is never late. */
export const saturationFor = (clock: Clock): Saturation => (clock === systemClock ? ofThisProcess : none);
