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

/** A document without tags, with one path. */
const documentOf = (item: object, more: object = {}) => ({
  openapi: "3.1.0",
  info: { title: "Ping", version: "1" },
  paths: { "/v1/ping": item },
  ...more,
});
const responses = { 200: { description: "Done.", content: { "application/json": { schema: { type: "string" } } } } };

inBrowser("sends credentials, and shows the same call for a shell without them", async () => {
  const schemes = {
    idp: { type: "http", scheme: "bearer" },
    "partner.key": { type: "apiKey", in: "header", name: "x-partner" },
    old: { type: "apiKey", in: "query", name: "key" },
  };
  const one = (operationId: string, ...security: object[]) => ({ operationId, security, responses });
  const { page, requests } = await open(
    "#all",
    documentOf(
      { get: one("all", { idp: [], "partner.key": [], old: [] }), options: one("choice", {}, { idp: [] }) },
      { components: { securitySchemes: schemes } },
    ),
  );
  await page.locator(".credentials summary").click();
  for (const [index, secret] of ["hush'1", "hush&2", "hush 3"].entries())
    await page.locator(".credentials input").nth(index).fill(secret);
  const card = page.locator("#all");
  await card.locator("button", { hasText: "curl" }).click();
  const command = (await card.locator(".output > pre").textContent()) ?? "";
  for (const part of ['authorization: Bearer \'"$IDP"', 'x-partner: \'"$PARTNER_KEY"', "--url-query 'key='\"$OLD\""])
    expect(command).toContain(part);
  expect(command).not.toContain("hush");
  const sent = page.waitForRequest((request) => request.url().includes("/v1/ping"));
  await card.locator("button.primary").click();
  expect(await (await sent).allHeaders()).toMatchObject({ authorization: "Bearer hush'1", "x-partner": "hush&2" });
  await card.locator(".status.good").waitFor();
  expect(requests.at(-1)).toMatch(/\/v1\/ping\?key=hush%203$/);
  expect(await card.locator("summary .label").allTextContents()).toEqual(["needs a credential"]);
  expect(await page.locator("#choice summary .label").allTextContents()).toEqual([]);
});

inBrowser("lists operations without tags, and shows an answer without a body", async () => {
  const { page } = await open("#head", documentOf({ head: { operationId: "head", responses } }));
  const card = page.locator("#head");
  await card.locator(".try").waitFor();
  await card.locator("button", { hasText: "curl" }).click();
  expect(await card.locator(".output > pre").textContent()).toMatch(/^curl --head '/);
  await card.locator("button.primary").click();
  await card.locator(".status.good, .status.bad").waitFor();
  expect(await card.locator(".status").textContent()).toMatch(/^200 /);
});

inBrowser("shows the rules of a field that may be left empty", async () => {
  const name = { type: "string", anyOf: [{ const: "" }, { minLength: 3, "x-pattern": "(?i)^a" }] };
  const schema = { type: "object", properties: { name } };
  const requestBody = { content: { "application/json": { schema } } };
  const { page } = await open("#call", documentOf({ post: { operationId: "call", requestBody, responses } }));
  const labels = page.locator("#call .shape .row .label");
  await labels.first().waitFor();
  expect(await labels.allTextContents()).toEqual(["at least 3 characters", "(?i)^a", 'or ""']);
});

inBrowser("shows the type of an answer that may be null", async () => {
  const { page } = await open("#Kitchen_Mirror_3");
  const card = page.locator("#Kitchen_Mirror_3");
  await card.locator("details.row > summary", { hasText: "200" }).click();
  const shape = card.locator("details.row .shape").first();
  await shape.waitFor();
  expect(await shape.locator(".type").first().textContent()).toBe("Nested or null");
  expect(await shape.locator(".name").allTextContents()).toContain("inner");
});

inBrowser("begins with a body that keeps to the rules", async () => {
  const properties = {
    name: { type: "string", minLength: 3 },
    empty: { type: "string", anyOf: [{ const: "" }, { minLength: 3 }] },
    depth: { type: "integer", maximum: -4 },
    height: { type: "integer", exclusiveMinimum: 4 },
    two: { type: "array", items: { type: "integer" }, minItems: 2 },
    none: { type: "array", items: { type: "integer" }, maxItems: 0 },
  };
  const requestBody = { content: { "application/json": { schema: { type: "object", properties } } } };
  const { page } = await open("#call", documentOf({ post: { operationId: "call", requestBody, responses } }));
  const body = JSON.parse(await page.locator("#call").getByLabel("Body").first().inputValue());
  expect(body).toEqual({ name: "aaa", empty: "", depth: -4, height: 5, two: [0, 0], none: [] });
});
