import { expect, test } from "vitest";
import { choose, print, total } from "./logic.ts";
import { Untranslatable } from "./value.ts";

test("a condition that doubles with each step is given up, and not printed in full", () => {
  let condition = total("a", "!a");
  for (let n = 0; n < 60; n++) condition = choose(condition, total(`b${n}`, `!b${n}`), total(`c${n}`, `!c${n}`));
  expect(() => print(condition.yes)).toThrow(Untranslatable);
});
