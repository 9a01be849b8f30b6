import type { Bench } from "./gen/mesh/bench/v1/bench_mesh.ts";
import { tiny } from "./samples.ts";

/** Serves both services of the bench. */
export const implementation: Bench = {
  echo: async (request) => request,
  putOrder: async (request) => request,
  async *feed({ count }) {
    for (let number = 0; number < count; number++) yield { text: tiny.text, number };
  },
};
