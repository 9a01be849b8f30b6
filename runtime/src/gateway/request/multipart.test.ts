import { gzipSync } from "node:zlib";
import { expect, onTestFinished, test, vi } from "vitest";
import { type Any, overFiles } from "../../../test/files.ts";
import { open, raw } from "../../../test/over-http.ts";

async function overForms(options: Parameters<typeof overFiles>[1] = {}) {
  const kept: Any[] = [];
  const put = async (request: Any) => {
    kept.push(request);
    return { count: kept.length };
  };
  return { ...(await overFiles({ put, store: put }, { multipart: true, ...options })), kept };
}

/** A form with a file. */
function form(
  fields: readonly (readonly [string, string])[] = [],
  data: string | Uint8Array<ArrayBuffer> = "bytes",
): FormData {
  const all = new FormData();
  for (const [name, value] of fields) all.append(name, value);
  all.append("file", new Blob([data], { type: "image/png" }), "photo.png");
  return all;
}

const message = async (response: Response) => ((await response.json()) as { message: string }).message;

test("a form's file is the body, its other parts are parameters", async () => {
  const { send, kept } = await overForms();
  const data = new Uint8Array([0, 255, 10, 13, 45, 45]);
  const fields = [
    ["name", "ä&b=c+d %"],
    ["count", "7"],
    ["tags", "x"],
    ["tags", "y"],
  ] as const;
  const response = await send("/v1/menus/files?numbers=5", form(fields, data));
  expect(response.status).toBe(200);
  expect(kept[0]).toMatchObject({
    folder: "menus",
    name: "ä&b=c+d %",
    count: 7,
    tags: ["x", "y"],
    numbers: [5],
    file: { contentType: "image/png" },
  });
  expect([...kept[0].file.data]).toEqual([...data]);
});

test("a form may be the request itself, and may be encoded", async () => {
  const { send, kept } = await overForms();
  expect((await send("/v1/raw", form())).status).toBe(200);
  expect(Buffer.from(kept[0].data).toString()).toBe("bytes");
  const body = '--x\r\ncontent-disposition: form-data; name="f"; filename="f"\r\n\r\nabc\r\n--x--\r\n';
  const headers = { "content-type": 'multipart/form-data; boundary="x"', "content-encoding": "gzip" };
  expect((await send("/v1/raw", gzipSync(body), headers)).status).toBe(200);
  expect(Buffer.from(kept[1].data).toString()).toBe("abc");
});

test("without the option the form itself is the body", async () => {
  const { send, kept } = await overForms({ multipart: false });
  expect((await send("/v1/raw", form())).status).toBe(200);
  expect(kept[0].contentType).toMatch(/^multipart\/form-data; boundary=/);
  expect(Buffer.from(kept[0].data).toString()).toContain('filename="photo.png"');
});

test("a form where the body is no google.api.HttpBody is 415", async () => {
  const { send } = await overForms();
  expect((await send("/v1/menus/make", form())).status).toBe(415);
});

test("parts are checked as parameters are", async () => {
  const { send, kept } = await overForms();
  expect(await message(await send("/v1/menus/files", form([["count", "x"]])))).toBe("count: is not a decimal integer");
  expect(await message(await send("/v1/menus/files?name=a", form([["name", "b"]])))).toContain("is given twice");
  const many = Array.from({ length: 300 }, (_, index) => ["tags", String(index)] as const);
  expect(await message(await send("/v1/menus/files", form(many)))).toContain("more than 256 parts besides its file");
  // The path wins, as it does over a query.
  await send("/v1/menus/files", form([["folder", "other"]]));
  expect(kept).toMatchObject([{ folder: "menus" }]);
});

test("a form needs one file", async () => {
  const { send, kept } = await overForms();
  const none = new FormData();
  none.append("name", "a");
  const without = await send("/v1/menus/files", none);
  expect(without.status).toBe(400);
  expect(await message(without)).toContain("the form has no file");
  const two = form();
  two.append("other", new Blob(["b"]), "b");
  const both = await send("/v1/menus/files", two);
  expect(both.status).toBe(400);
  expect(await message(both)).toContain("more than one file");
  expect(kept).toEqual([]);
});

test("a form is limited as a whole", async () => {
  const { send, kept } = await overForms({ maxRequestBytes: 2000 });
  expect((await send("/v1/menus/files", form([], "a".repeat(1000)))).status).toBe(200);
  expect((await send("/v1/menus/files", form([], "a".repeat(2000)))).status).toBe(413);
  expect((await send("/v1/menus/files", form([["name", "a".repeat(2000)]]))).status).toBe(413);
  const body = `--x\r\ncontent-disposition: form-data; name="f"; filename="f"\r\n\r\n${"a".repeat(1_000_000)}\r\n--x--\r\n`;
  const headers = { "content-type": "multipart/form-data; boundary=x", "content-encoding": "gzip" };
  expect((await send("/v1/menus/files", gzipSync(body), headers)).status).toBe(413);
  expect(kept).toHaveLength(1);
});

const part = 'content-disposition: form-data; name="f"; filename="f"\r\n\r\nabc';
test.each([
  ["no boundary", "multipart/form-data", "", "content-type: is not a multipart/form-data with a boundary"],
  ["no end", "multipart/form-data; boundary=x", `--x\r\n${part}`, "the body is not multipart/form-data"],
  ["no parts", "multipart/form-data; boundary=x", "hello", "the body is not multipart/form-data"],
  ["an empty body", "multipart/form-data; boundary=x", "", "the body is not multipart/form-data"],
  [
    "another boundary",
    "multipart/form-data; boundary=x",
    `--y\r\n${part}\r\n--y--`,
    "the body is not multipart/form-data",
  ],
  ["a part without headers", "multipart/form-data; boundary=x", "--x\r\n\r\nabc\r\n--x--\r\n", "the body is not"],
  [
    "long headers",
    "multipart/form-data; boundary=x",
    `--x\r\na: ${"b".repeat(100_000)}\r\n\r\n--x--`,
    "the body is not",
  ],
])("a form with %s is 400", async (_name, type, body, complaint) => {
  const { send, errors, gateway, kept } = await overForms();
  const response = await send("/v1/menus/files", body, { "content-type": type });
  expect(response.status).toBe(400);
  expect(await message(response)).toContain(complaint);
  await gateway.idle();
  expect(errors).toEqual([]);
  expect(kept).toEqual([]);
});

test("the connection serves the next request after a form that was refused", async () => {
  const { port } = await overForms({ maxRequestBytes: 100 });
  const head = "POST /v1/raw HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=x\r\n";
  const chunk = `40\r\n${"a".repeat(64)}\r\n`;
  const second = "POST /v1/menus/touch HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
  const both = await raw(port, `${head}transfer-encoding: chunked\r\n\r\n${chunk.repeat(10)}0\r\n\r\n${second}`);
  expect(both.match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 413", "HTTP/1.1 200"]);
});

test("a client that leaves in the middle of a form harms nobody", async () => {
  const { port, gateway, errors, kept } = await overForms();
  const socket = await open(port);
  const head =
    "POST /v1/raw HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: 999";
  socket.write(`${head}\r\n\r\n--x\r\n${part}`);
  await expect.poll(() => socket.bytesWritten).toBeGreaterThan(100);
  socket.resetAndDestroy();
  await gateway.idle();
  expect(errors).toEqual([]);
  expect(kept).toEqual([]);
});

test("a form needs a package, and the answer does not say which", async () => {
  vi.resetModules();
  vi.doMock("busboy", () => {
    throw new Error("Cannot find package 'busboy'");
  });
  onTestFinished(() => {
    vi.doUnmock("busboy");
    vi.resetModules();
  });
  const { overFiles: anew } = await import("../../../test/files.ts");
  const { send, errors } = await anew({}, { multipart: true });
  const response = await send("/v1/raw", form());
  expect(response.status).toBe(500);
  expect(await message(response)).toMatch(/^internal error /);
  expect(String(errors[0])).toBe("Error: reading multipart/form-data needs the package busboy: run npm install busboy");
  // What needs no form goes on.
  expect((await send("/v1/raw", "abc", { "content-type": "image/png" })).status).toBe(200);
});
