// Measures the layers: started by layers/measure.ts.
import { answer, cpuUs } from "../child.ts";
import { type Row, rows } from "./rows.ts";

let list: Row[];

const answers = {
  /** The names, once each row has done what it must. */
  async prepare(): Promise<string[]> {
    list = await rows();
    for (const { name, handler, callNow, refuses } of list) {
      const call = callNow();
      // The first call verifies the token, the others remember it; and it takes all that a tight limit holds.
      const outcomes = [await outcome(handler(call)), await outcome(handler(call))];
      if (outcomes[1] !== (refuses ? "refused" : "passed")) throw new Error(`${name}: the call was ${outcomes[1]}`);
    }
    return list.map(({ name }) => name);
  },

  /** Nanoseconds of CPU time per call. */
  async run({ name, calls }: { name: string; calls: number }): Promise<number> {
    const { handler, callNow, refuses } = list.find((row) => row.name === name) as Row;
    const call = callNow();
    const before = cpuUs();
    if (refuses) for (let n = 0; n < calls; n++) await handler(call).catch(ignore);
    else for (let n = 0; n < calls; n++) await handler(call);
    return ((cpuUs() - before) * 1000) / calls;
  },
};
export type LayerAnswers = typeof answers;

const ignore = () => {};

const outcome = (reply: Promise<unknown>) =>
  reply.then(
    () => "passed",
    () => "refused",
  );

answer(answers);
