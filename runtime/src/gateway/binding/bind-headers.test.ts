import { expect, test } from "vitest";
import { type Any, overFiles } from "../../../test/files.ts";
import { raw } from "../../../test/over-http.ts";
import type { HttpConfig } from "../../policies/index.ts";

const http: HttpConfig = {
  headers: [
    { header: "x-folder", field: "folder" },
    { header: "x-name", field: "name" },
    { header: "x-count", field: "count" },
    { header: "x-tags", field: "tags" },
    { header: "x-numbers", field: "numbers" },
    { header: "x-strict", field: "strict" },
  ],
};

async function overHeaders(config: HttpConfig = http) {
  const kept: Any[] = [];
  const keep = async (request: Any) => {
    kept.push(request);
    return { count: kept.length };
  };
  const bound = { http: config };
  const files = await overFiles(
    { find: keep, make: keep, put: keep },
    {},
    {
      find: bound,
      make: bound,
      put: bound,
      count: bound,
      hold: { http: { headers: [{ header: "x-name", field: "item.name" }] } },
    },
  );
  return { ...files, kept };
}

const json = { "content-type": "application/json" };

test("a header fills its field, converted like a parameter", async () => {
  const { send, kept } = await overHeaders();
  const headers = { "X-Name": "ann, bob", "x-count": "-7", "x-strict": "TRUE", "x-tags": "a, b,c", "x-numbers": "1,2" };
  expect((await send("/v1/menus/find", null, headers)).status).toBe(200);
  expect(kept[0]).toMatchObject({ name: "ann, bob", count: -7, strict: true, tags: ["a", "b", "c"], numbers: [1, 2] });
});

test("a header in several lines fills a list", async () => {
  const { port, kept } = await overHeaders();
  const head = "POST /v1/menus/find HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n";
  expect(await raw(port, `${head}x-tags: a\r\nx-tags: b,c\r\nX-Tags: d\r\n\r\n`)).toMatch(/^HTTP\/1.1 200 /);
  expect(kept[0].tags).toEqual(["a", "b", "c", "d"]);
});

test("the path wins over a header, and a header over the query", async () => {
  const { send, kept } = await overHeaders();
  const headers = { "x-folder": "evil", "x-name": "header", "x-tags": "h" };
  await send("/v1/menus/find?name=query&tags=q&count=3&numbers=4", null, headers);
  expect(kept[0]).toMatchObject({ folder: "menus", name: "header", tags: ["h"], count: 3, numbers: [4] });
});

test("the body wins over a header", async () => {
  const { send, kept } = await overHeaders();
  const headers = { ...json, "x-name": "header", "x-count": "5", "x-tags": "h" };
  await send("/v1/menus/make", '{"name":"body","tags":["b"],"count":null}', headers);
  expect(kept[0]).toMatchObject({ folder: "menus", name: "body", tags: ["b"], count: 5 });
  await send("/v1/menus/make", "", headers);
  expect(kept[1]).toMatchObject({ folder: "menus", name: "header", tags: ["h"], count: 5 });
});

test("a header stands beside a raw body", async () => {
  const { send, kept } = await overHeaders();
  await send("/v1/menus/files?name=query", "abc", { "content-type": "image/png", "x-name": "header" });
  expect(kept[0]).toMatchObject({ name: "header", file: { contentType: "image/png" } });
});

test("headers fill the first message of a client stream, inside of others too", async () => {
  const { send } = await overHeaders();
  const count = await send("/v1/menus/items", "{}{}", { ...json, "x-name": "n", "x-count": "2" });
  expect(await count.json()).toMatchObject({ seen: ["menus|n|2", "||0"] });
  const hold = await send("/v1/menus/held", "{}{}", { ...json, "x-name": "n" });
  expect(await hold.json()).toMatchObject({ seen: ["menus|n", "|"] });
});

test.each([
  ["x-count", "many", "x-count: is not a decimal integer"],
  ["x-count", "", "x-count: is not a decimal integer"],
  ["x-count", "99999999999", "x-count: "],
  ["x-count", "1, 2", "x-count: is not a decimal integer"],
  ["x-numbers", "1,,2", "x-numbers: is not a decimal integer"],
  ["x-strict", "maybe", "x-strict: is not true or false"],
])("the header %s: %s is 400 and named", async (header, value, text) => {
  const { send, kept } = await overHeaders();
  const response = await send("/v1/menus/find", null, { [header]: value });
  expect(response.status).toBe(400);
  const body = (await response.json()) as Any;
  expect(body.message).toContain(text);
  expect(body.details[0].fieldViolations[0].field).toBe(header);
  expect(kept).toEqual([]);
});

test("names that objects have are data", async () => {
  const { send, kept } = await overHeaders({ headers: [{ header: "__proto__", field: "name" }] });
  expect((await send("/v1/menus/find", null, {})).status).toBe(200);
  expect(kept[0].name).toBe("");
});

test("pages of other origins may send a header that fills a field", async () => {
  const { url } = await overFiles({}, { cors: { origins: ["https://shop.example"] } }, { find: { http } });
  const response = await fetch(`${url}/v1/menus/find`, {
    method: "OPTIONS",
    headers: { origin: "https://shop.example", "access-control-request-method": "POST" },
  });
  expect(response.headers.get("access-control-allow-headers")?.split(", ")).toContain("x-folder");
});
