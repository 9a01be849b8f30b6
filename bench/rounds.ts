/** Tells how far the bench is, on one line that is written over when stderr is a terminal. */
export type Progress = (text: string) => void;

/**
 * Lets every contender run once per round: A B C, then B C A, and so on, so that what else the machine does hits all
 * of them alike and nobody is always first. Before the first round each runs once for nothing: the warm-up.
 */
export async function interleave<Name extends string, Result>(
  names: readonly Name[],
  rounds: number,
  run: (name: Name, round: number | "warm-up") => Promise<Result>,
): Promise<Map<Name, Result[]>> {
  for (const name of names) await run(name, "warm-up");
  const results = new Map<Name, Result[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let position = 0; position < names.length; position++) {
      const name = names[(position + round) % names.length] as Name;
      results.get(name)?.push(await run(name, round));
    }
  }
  return results;
}
