import fc from "fast-check";

// The gate draws the same values each time; SEED=<integer> npm test draws others.
const seed = Number(process.env.SEED ?? 20_260_301);
if (!Number.isSafeInteger(seed)) throw new Error(`SEED is ${process.env.SEED}, which is not an integer`);
fc.configureGlobal({ seed });
