import { ordered, type Rows } from "../verdict.ts";

/** The options of `retry.budget`, which hedged requests come out of as well. */
export const budget: Rows<{ readonly ratio: number; readonly floorPerSecond: number; readonly windowMs: number }> = {
  ratio: ordered({
    raised: ["load", "a larger share of the calls may be sent again"],
    lowered: ["operational", "fewer calls may be sent again"],
  }),
  floorPerSecond: ordered({
    raised: ["load", "more calls per second may be sent again, whatever their share"],
    lowered: ["operational", "fewer calls may be sent again"],
  }),
  windowMs: ordered({
    raised: ["load", "more calls may be sent again in one burst"],
    lowered: ["operational", "fewer calls may be sent again in one burst"],
  }),
};
