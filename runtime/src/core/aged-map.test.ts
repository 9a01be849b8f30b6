import fc from "fast-check";
import { expect, test } from "vitest";
import { AgedMap } from "./aged-map.ts";

/** All entries, oldest first, which takes them out. */
function drained<K, V>(map: AgedMap<K, V>): [K, V][] {
  const entries: [K, V][] = [];
  for (let one = map.oldest; one; one = map.oldest) {
    entries.push([one.key, one.value]);
    map.delete(one.key);
  }
  return entries;
}

const key = fc.integer({ min: 0, max: 6 });
const step = fc.oneof(
  fc.record({ does: fc.constant("set" as const), key, value: fc.integer() }),
  fc.record({ does: fc.constantFrom("renew" as const, "delete" as const, "get" as const), key }),
);

test("it is what a Map is when entries are put in anew", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const [map, model] = [new AgedMap<number, number>(), new Map<number, number>()];
      for (const one of steps) {
        const before = model.get(one.key);
        if (one.does === "set") map.set(one.key, one.value);
        else expect(map[one.does](one.key)).toBe(before);
        if (one.does !== "get") model.delete(one.key);
        if (one.does === "set") model.set(one.key, one.value);
        else if (one.does === "renew" && before !== undefined) model.set(one.key, before);
        expect([map.size, map.oldest?.key]).toEqual([model.size, [...model.keys()][0]]);
      }
      expect(drained(map)).toEqual([...model]);
      expect([map.size, map.oldest]).toEqual([0, undefined]);
    }),
  );
});
