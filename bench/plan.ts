import { parseArgs } from "node:util";

/** How much is measured. */
export interface Plan {
  readonly rounds: number;
  /** Length of one measured slice in milliseconds. */
  readonly sliceMs: number;
  /** Before each slice: the same load, not counted. */
  readonly settleMs: number;
  /** Once per contender and workload. */
  readonly warmUpMs: number;
  /** Which parts to run. */
  readonly parts: readonly PartName[];
  /** Whether the result is worth keeping: a shortened run writes no README. */
  readonly keep: boolean;
}

export const partNames = ["rpc", "http", "gateways", "layers", "json", "generate"] as const;
export type PartName = (typeof partNames)[number];

const full = { rounds: 30, sliceMs: 150, settleMs: 30, warmUpMs: 2000 };
const quick = { rounds: 1, sliceMs: 50, settleMs: 10, warmUpMs: 50 };

/** Reads the command line. Throws with the usage when it is wrong. */
export function planOf(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      only: { type: "string", multiple: true },
    },
  });
  const { rounds, only } = values;
  const base = values.quick ? quick : full;
  if (rounds !== undefined && !/^[1-9]\d{0,3}$/.test(rounds))
    throw new TypeError(`--rounds ${rounds}: use a whole number from 1 to 9999`);
  for (const part of only ?? []) {
    if (!partNames.includes(part as PartName))
      throw new TypeError(`--only ${part}: there are the parts ${partNames.join(", ")}`);
  }
  const parts = partNames.filter((part) => only === undefined || only.includes(part));
  const count = rounds === undefined ? base.rounds : Number(rounds);
  return { ...base, rounds: count, parts, keep: !values.quick && count >= 10 && parts.length === partNames.length };
}

export const usage = `npm run bench -- [--quick] [--rounds N] [--only rpc|http|gateways|layers|json|generate]
  --quick     one very short round: shows that everything runs, measures nothing
  --rounds N  rounds per workload, default ${full.rounds}; fewer than 10 leave bench/README.md as it is
  --only PART one part, may be given several times; leaves bench/README.md as it is`;
