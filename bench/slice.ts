/** What one slice of load came to, as the side that puts the load on sees it. */
export interface Slice {
  /** Calls, requests, or messages of a stream. */
  readonly count: number;
  readonly ms: number;
  /** CPU time of this process, user and system, in microseconds. */
  readonly cpuUs: number;
  /** Median time of one call in microseconds, when they went one after the other. */
  readonly p50Us?: number;
}

/** Told how a call ended; without an error the reply is there, if the call has one. */
export type Done = (error: unknown, reply?: unknown) => void;

/** Keeps so many calls going until the time is up, and waits for the last reply. `call` gets the number of its chain. */
export function keepCalling(call: (done: Done, chain: number) => void, inFlight: number, ms: number): Promise<Slice> {
  return measured(
    ms,
    (until, times) =>
      new Promise((resolve, reject) => {
        let count = 0;
        let running = inFlight;
        const chain = (number: number) => {
          let startedAt = performance.now();
          const next: Done = (error) => {
            if (error !== undefined) return reject(error);
            count++;
            const now = performance.now();
            if (inFlight === 1) times.push(now - startedAt);
            if (now >= until) {
              if (--running === 0) resolve(count);
              return;
            }
            startedAt = now;
            call(next, number);
          };
          call(next, number);
        };
        for (let number = 0; number < inFlight; number++) chain(number);
      }),
  );
}

/** Measures time and CPU around a load that resolves with its count. It stops at `until` and may note single `times`, both in milliseconds. */
export async function measured(ms: number, run: (until: number, times: number[]) => Promise<number>): Promise<Slice> {
  const times: number[] = [];
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const count = await run(startedAt + ms, times);
  const endedAt = performance.now();
  const { user, system } = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  const middle = times[times.length >> 1];
  return {
    count,
    ms: endedAt - startedAt,
    cpuUs: user + system,
    ...(middle === undefined ? {} : { p50Us: middle * 1000 }),
  };
}
