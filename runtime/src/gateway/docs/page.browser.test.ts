import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { chromiumProblem, launchChromium } from "../../../../interop/chromium.ts";
import { compileFolder, requestFor, root, run } from "../../../../plugin/test/compile.ts";
import { overHttp } from "../../../test/over-http.ts";

// The page in a real browser, calling a real gateway by the document that the generator writes for it.
const inBrowser = test.skipIf(chromiumProblem !== undefined);
let browser: Browser;
let document: { readonly [key: string]: unknown };

if (chromiumProblem !== undefined) {
  test("Chromium is there in CI", () => expect(process.env.CI, chromiumProblem).toBeUndefined());
  console.warn(`SKIPPED, the page in a browser: ${chromiumProblem}`);
}

beforeAll(async () => {
  if (chromiumProblem !== undefined) return;
  browser = await launchChromium();
  const set = compileFolder(join(root, "runtime/test"));
  const { files } = run(requestFor(set, ["kitchen/kitchen.proto"], "openapi=merge"));
  document = JSON.parse(files["openapi.json"] as string);
}, 60_000);

afterAll(() => browser?.close());

/** The page of a kitchen. Whatever the browser complains of fails the test. */
async function open(hash = "", of = document): Promise<{ page: Page; requests: string[]; url: string }> {
  const { url } = await overHttp({}, { gateway: { docs: { document: of } } });
  const page = await browser.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("pageerror", ({ message }) => complaints.push(message));
  page.on("console", (line) => line.type() === "error" && complaints.push(line.text()));
  page.on("request", (request) => requests.push(request.url()));
  onTestFinished(async () => {
    await page.close();
    expect(complaints.filter((text) => !text.includes("the server responded with a status"))).toEqual([]);
  });
  await page.goto(`${url}/docs${hash}`);
  await page.waitForSelector(".operation");
  return { page, requests, url };
}

inBrowser("lists all operations, and loads nothing from anywhere else", async () => {
  const { page, requests, url } = await open();
  const paths = document.paths as { readonly [path: string]: object };
  const count = Object.values(paths).flatMap((item) => Object.keys(item)).length;
  expect(await page.locator(".operation").count()).toBe(count);
  expect(await page.locator("nav a").count()).toBe(count);
  expect(requests.filter((one) => !one.startsWith(url) && !one.startsWith("data:"))).toEqual([]);
});

inBrowser("shows parameters and the schema of the body, types that contain themselves too", async () => {
  const { page } = await open("#Kitchen_CreateDish");
  const card = page.locator("#Kitchen_CreateDish");
  await card.locator(".try").waitFor();
  expect(await card.locator("h3").allTextContents()).toEqual(expect.arrayContaining(["Body", "Answers", "Try it"]));
  expect(await card.locator(".shape .name").first().isVisible()).toBe(true);
});

inBrowser("makes a call and shows the answer", async () => {
  const { page } = await open("#Kitchen_Ping");
  const card = page.locator("#Kitchen_Ping");
  await card.locator("button.primary").click();
  await card.locator(".status.good").waitFor();
  expect(await card.locator(".status").textContent()).toMatch(/^200 /);
  expect(JSON.parse((await card.locator(".output > pre").textContent()) as string)).toMatch(/^\d{4}-.*Z$/);
});

inBrowser("sends path, query and credentials as the gateway wants them", async () => {
  const { page, requests, url } = await open("#Kitchen_GetDish");
  const card = page.locator("#Kitchen_GetDish");
  await card.locator(".try").waitFor();
  const inputs = card.locator(".field input");
  await inputs.nth(0).fill("a b/c");
  await inputs.nth(1).fill("ü&=");
  await card.locator("button.primary").click();
  await card.locator(".status.good, .status.bad").waitFor();
  expect(requests.at(-1)).toBe(`${url}/v1/shelves/a%20b%2Fc/dishes/%C3%BC%26%3D`);
});

inBrowser("shows a stream as it comes", async () => {
  const { page } = await open("#Kitchen_WatchDishes");
  const card = page.locator("#Kitchen_WatchDishes");
  await card.locator(".try").waitFor();
  expect(await card.getByLabel("Accept").inputValue()).toBe("application/x-ndjson");
  await card.locator("button.primary").click();
  await card.locator(".status.good").waitFor();
});

inBrowser("finds operations, and can be light or dark", async () => {
  const { page } = await open();
  await page.fill("#search", "ping");
  expect(await page.locator(".operation:visible").count()).toBe(1);
  const back = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
  const before = await back();
  await page.click("#theme");
  expect(await back()).not.toBe(before);
});

inBrowser("takes what a document says for text, never for markup", async () => {
  const evil = "<img src=x onerror=alert(1)><script>alert(1)</script> `<b>` **<i>**";
  const operation = {
    operationId: "evil",
    summary: evil,
    description: `${evil}\n\n- ${evil}`,
    tags: [evil],
    parameters: [{ name: evil, in: "query", description: evil, schema: { type: "string", enum: [evil] } }],
    responses: { 200: { description: evil } },
  };
  const paths = { "/<script>": { get: operation } };
  const { page } = await open("#evil", {
    openapi: "3.1.0",
    info: { title: evil, version: evil, description: evil },
    tags: [{ name: evil, description: evil }],
    paths,
  });
  await page.locator("#evil .try").waitFor();
  expect(await page.locator("main img, main script, main b:not(.method), header img").count()).toBe(0);
});
