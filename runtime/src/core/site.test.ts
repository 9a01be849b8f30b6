import { expect, test } from "vitest";
import { mount } from "../testing.ts";
import { siteFactory } from "./site.ts";

const at = (path: string) => ({ ...mount({ name: "none" }, {}).method, path });
const [a, b] = [at("/s.S/A"), at("/s.S/B")];

/** Builds methods that ask for keys, and counts what is made for them. */
function counted() {
  const site = siteFactory({});
  const made: string[] = [];
  const build = (method: typeof a, ...keys: string[]) =>
    site.building(method, () => keys.map((key) => site(method).shared(key, () => made.push(key))));
  return { site, made, build };
}

test("what is shared outlives the handler that asked for it, as long as the next one asks again", () => {
  const { made, build } = counted();
  const [first] = build(a, "x");
  for (let n = 0; n < 3; n++) expect(build(a, "x")).toEqual([first]);
  expect(made).toEqual(["x"]);
});

test("what no method asks for any more is let go", () => {
  const { made, build } = counted();
  build(a, "x", "y");
  build(b, "y");
  build(a, "z");
  build(a, "x", "y");
  expect(made).toEqual(["x", "y", "z", "x"]);
});

test("a handler that cannot be built lets nothing go", () => {
  const { site, made, build } = counted();
  build(a, "x");
  const failing = () =>
    site.building(a, () => {
      throw new Error("no");
    });
  expect(failing).toThrow("no");
  build(a, "x");
  expect(made).toEqual(["x"]);
});
