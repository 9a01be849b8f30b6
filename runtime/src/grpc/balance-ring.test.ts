import fc from "fast-check";
import { expect, test } from "vitest";
import { placeOf, Ring } from "./balance-ring.ts";

const addresses = (count: number): string[] => Array.from({ length: count }, (_, n) => `10.0.0.${n + 1}:50051`);
const ringOf = (names: readonly string[]) => new Ring(new Map(names.map((name) => [name, name])));
const keys = Array.from({ length: 20_000 }, (_, n) => `=${n}`);

test("keys are shared about evenly", () => {
  for (const count of [2, 3, 10, 50]) {
    const ring = ringOf(addresses(count));
    const shares = new Map<string, number>();
    for (const key of keys) {
      const home = ring.at(placeOf(key));
      shares.set(home, (shares.get(home) ?? 0) + 1);
    }
    expect(shares.size).toBe(count);
    const fair = keys.length / count;
    for (const share of shares.values()) {
      expect(share).toBeGreaterThan(fair * 0.6);
      expect(share).toBeLessThan(fair * 1.5);
    }
  }
});

test("without a member only its keys move, and the order of the members does not matter", () => {
  const place = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const names = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(names, fc.array(place, { minLength: 1 }), (members, places) => {
      const full = ringOf(members);
      const [lost, ...rest] = members;
      const fewer = ringOf(rest.reverse());
      for (const at of [0, 2 ** 32 - 1, ...places]) {
        const before = full.at(at);
        if (before === lost) expect(rest).toContain(fewer.at(at));
        else expect(fewer.at(at)).toBe(before);
      }
    }),
    { numRuns: 100 },
  );
});

test("a key belongs to the point at its place, and the last keys to the first point", () => {
  const ring = ringOf(["a:1", "b:2"]);
  for (const name of ["a:1", "b:2"]) expect(ring.at(placeOf(`${name}#0`))).toBe(name);
  const points = ["a:1", "b:2"].flatMap((name) =>
    Array.from({ length: 128 }, (_, n) => ({ name, place: placeOf(`${name}#${n}`) })),
  );
  points.sort((one, other) => one.place - other.place);
  expect(ring.at((points.at(-1)?.place as number) + 1)).toBe(points[0]?.name);
});
