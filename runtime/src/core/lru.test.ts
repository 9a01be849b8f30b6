import fc from "fast-check";
import { expect, test } from "vitest";
import { Lru } from "./lru.ts";

test("holds at most its capacity, and always the half that was used last, with its values", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10 }).map((half) => half * 2),
      fc.array(fc.record({ key: fc.nat(30), write: fc.boolean() }), { maxLength: 300 }),
      (capacity, script) => {
        const lru = new Lru<number, string>(capacity);
        let used: number[] = [];
        const values = new Map<number, string>();
        for (const [n, { key, write }] of script.entries()) {
          if (write) {
            lru.set(key, `value ${n}`);
            values.set(key, `value ${n}`);
          } else {
            const found = lru.get(key);
            if (used.slice(0, capacity / 2).includes(key)) expect(found).toBe(values.get(key));
            if (found === undefined) continue;
            expect(found).toBe(values.get(key));
          }
          used = [key, ...used.filter((one) => one !== key)];
          expect(lru.size).toBeLessThanOrEqual(capacity);
        }
      },
    ),
    { numRuns: 300 },
  );
});
