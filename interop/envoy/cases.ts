import { auth } from "./cases/auth.ts";
import type { Case } from "./cases/case.ts";
import { failures } from "./cases/failures.ts";
import { limits } from "./cases/limits.ts";
import { transcoding } from "./cases/transcoding.ts";

/** One table for two enforcement points. */
export const cases: { readonly [chapter: string]: readonly Case[] } = { transcoding, failures, limits, auth };
