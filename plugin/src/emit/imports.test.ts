import { expect, test } from "vitest";
import { tidyImports } from "./imports.ts";

test("types and values of a module are one statement", () => {
  expect(tidyImports('import type { B } from "m";\nimport { a, C as C$1 } from "m";\n\nrest();')).toBe(
    'import { a, type B, C as C$1 } from "m";\n\nrest();',
  );
});

test("types alone are a type import", () => {
  expect(tidyImports('import type { b, A } from "m";\n')).toBe('import type { A, b } from "m";\n');
});

test("packages come first, then relative paths from far to near", () => {
  const code = ["./a.js", "../b.js", "@x/y", "../../c.js", "./a/b.js", "#z"].map(
    (from) => `import { n } from "${from}";`,
  );
  const sorted = ["@x/y", "#z", "../../c.js", "../b.js", "./a/b.js", "./a.js"].map(
    (from) => `import { n } from "${from}";`,
  );
  expect(tidyImports(code.join("\n"))).toBe(sorted.join("\n"));
});

test("names sort as Biome sorts them, in any locale", () => {
  const names =
    "zed Zed fooa foo FooTop FooA Foo10 Foo01 Foo2 Foo1a Foo1 Foo$ Foo_bar Foo_ Foo FOo FOO a1b2 a1B2 $x _x";
  const sorted =
    "_x $x a1B2 a1b2 FOO FOo Foo Foo_ Foo_bar Foo$ Foo1 Foo1a Foo2 Foo01 Foo10 FooA FooTop foo fooa Zed zed";
  const line = (list: string) => `import { ${list.split(" ").join(", ")} } from "m";`;
  expect(tidyImports(line(names))).toBe(line(sorted));
});
