/** Pages that target=docs writes, in a real browser. Needs Chromium; without it the tests are skipped, but never in CI. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileFolder, generate, protosBelow, requestFor, root, run } from "../plugin/test/compile.ts";
import { chromiumProblem, launchChromium } from "./chromium.ts";

if (chromiumProblem) console.warn(`\n*** Documentation in a browser is NOT tested: ${chromiumProblem} ***\n`);

test.runIf(chromiumProblem && process.env.CI)("CI has Chromium", () => {
  throw new Error(`${chromiumProblem}: CI must test documentation in a browser`);
});

const measure = readFileSync(new URL("measure-page.js", import.meta.url), "utf8");
type Measured = { readonly [what in "wide" | "cut" | "touching" | "boxed" | "small"]: readonly string[] };

/** What is long, wide, short or without end. */
const odd = {
  "odd.proto": `syntax = "proto3"; package odd.v1; import "mesh/v1/options.proto"; import "google/api/annotations.proto";
message M { string id = 1; }
// Everything at its longest. AWordWithoutAnyPlaceToBreakItThatIsMuchWiderThanAPhoneIsAndGoesOnAndOnAndOnAndOn
service AServiceWithANameThatIsLongerThanAnyPhoneIsWideAndDoesNotBreakAnywhere {
  option (mesh.v1.service) = { auth: { access: AUTHENTICATED scopes: ["a.scope.with.a.very.long.name.that.does.not.break.at.all", "b", "c"] } };
  rpc Age(M) returns (M) { option idempotency_level = IDEMPOTENT;
    option (mesh.v1.method) = { timeout: { total: "8784h" max: "9000h" attempt: "1500h" }
      retry: { attempts: 3 initial: "24h" max: "48h" jitter: EQUAL attempt_timeout: true } }; }
  rpc Far(M) returns (M) { option idempotency_level = IDEMPOTENT;
    option (mesh.v1.method) = { timeout: { total: "24h" attempt: "0.25ms" } retry: { attempts: 5 initial: "0.1ms" attempt_timeout: true } }; }
  rpc Endless(M) returns (M) { option idempotency_level = IDEMPOTENT; option (mesh.v1.method) = { retry: { attempts: 5 initial: "70s" } }; }
  rpc Chat(stream M) returns (stream M) { option (mesh.v1.method) = { timeout: { total: "40s" idle: "39s" } limits: { messages: 1000000 } }; }
  rpc Full(M) returns (M) { option idempotency_level = NO_SIDE_EFFECTS;
    option (google.api.http) = { get: "/v1/a/path/that/is/so/long/that/nobody/would/ever/type/it/{id=shelves/*/books/*/pages/*/lines/*}" };
    option (mesh.v1.method) = {
      timeout: { total: "1234.567ms" max: "3.3333s" attempt: "1234.5ms" idle: "1s" reserve: "7ms" }
      hedge: { attempts: 5 percentile: 99 keep_going_on: [UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, UNKNOWN, ABORTED] }
      idempotency: { key: "metadata:a-metadata-key-with-a-name-that-is-long" }
      rate_limit: { name: "a limit with a name of many words, none of them short enough" rate: "123456789/h" by: ["principal", "claim:tenant"] }
      rate_limit: { name: "b" rate: "7/s" }
      concurrency: { max: 1000000 queue: 1000000 criticality: SHEDDABLE_PLUS }
      circuit_breaker: { ratio: 0.123456789 }
      balance: { picker: RING_HASH hash_by: "metadata:another-metadata-key-with-a-long-name" }
      cache: { ttl: "30s" } fallback: { method: "AnotherMethodWithANameThatIsFarTooLongForABox" }
      compression: { request: GZIP } limits: { request_bytes: 123456789 }
    }; }
  rpc AnotherMethodWithANameThatIsFarTooLongForABox(M) returns (M);
}`,
};

describe.skipIf(chromiumProblem)("in Chromium", () => {
  const folder = mkdtempSync(join(tmpdir(), "mesh-docs-"));
  let browser: Browser;
  beforeAll(async () => {
    const golden = join(root, "testdata/docs");
    const outcomes = [
      run(requestFor(compileFolder(golden), protosBelow(golden), "target=docs")),
      generate(odd, "target=docs"),
    ];
    for (const { files, errors } of outcomes) {
      expect(errors).toEqual([]);
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    }
    browser = await launchChromium();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  const filesWith = (ending: string) => readdirSync(folder).filter((name) => name.endsWith(ending));

  async function onPage<T>(name: string, size: { width: number; dark: boolean }, look: (page: Page) => Promise<T>) {
    const page = await browser.newPage({
      viewport: { width: size.width, height: 800 },
      colorScheme: size.dark ? "dark" : "light",
    });
    const said: string[] = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    page.on("request", (request) => said.push(...(/^(file|data):/.test(request.url()) ? [] : [request.url()])));
    try {
      await page.goto(pathToFileURL(join(folder, name)).href);
      const result = await look(page);
      expect(said, `${name}: the console and the network are silent`).toEqual([]);
      return result;
    } finally {
      await page.close();
    }
  }

  test.each([
    [1100, false],
    [1100, true],
    [700, false],
    [390, true],
    [320, false],
  ])("pages of %i px, dark %s: nothing is wider than the screen, and all text is in its box", async (width, dark) => {
    const pages = filesWith(".html");
    expect(pages.length).toBeGreaterThan(3);
    for (const name of pages) {
      const { wide, cut, touching, boxed, small } = await onPage(name, { width, dark }, (page) =>
        page.evaluate<Measured>(measure),
      );
      expect(wide, `${name}: wider than the screen`).toEqual([]);
      expect(cut, `${name}: outside its drawing`).toEqual([]);
      expect(touching, `${name}: texts on each other`).toEqual([]);
      expect(boxed, `${name}: wider than its box`).toEqual([]);
      if (width >= 390) expect(small, `${name}: too small to read`).toEqual([]);
    }
  });

  test("drawings of Markdown are images that browsers show, with colours of their own", async () => {
    const drawings = filesWith(".svg");
    expect(drawings.length).toBeGreaterThan(20);
    const images = drawings.map((name) => `<img src="${encodeURI(name)}">`).join("");
    writeFileSync(join(folder, "all-drawings.htm"), `<!doctype html><title>x</title>${images}`);
    const sizes = await onPage("all-drawings.htm", { width: 1100, dark: false }, (page) =>
      page.evaluate<boolean[]>(`(async () => {
        const all = [...document.images];
        await Promise.all(all.map((image) => image.decode()));
        return all.map(({ naturalWidth, naturalHeight }) => naturalWidth > 300 && naturalHeight > 60);
      })()`),
    );
    expect(sizes).toEqual(drawings.map(() => true));
  });

  test("a printed page is light, and has tables as a wide screen does", async () => {
    const [name = ""] = filesWith("Teahouse.html");
    const paper = await onPage(name, { width: 720, dark: true }, async (page) => {
      await page.emulateMedia({ media: "print", colorScheme: "dark" });
      return page.evaluate<[string, string]>(
        `[getComputedStyle(document.body).color, getComputedStyle(document.querySelector("table")).display]`,
      );
    });
    expect(paper).toEqual(["rgb(28, 37, 48)", "table"]);
  });
});
