import { expect, test } from "vitest";
import { overHttp } from "../../../test/over-http.ts";

const nested = (open: string, inner: string, close: string, times: number) =>
  `${open.repeat(times)}${inner}${close.repeat(times)}`;

test.each([
  ["arrays", `{"anything":${nested("[", "", "]", 100_000)}}`],
  ["arrays without an end", `{"anything":${"[".repeat(1_000_000)}`],
  ["objects", `{"facts":${nested('{"a":', "1", "}", 100_000)}}`],
  ["messages", `{"nested":${nested('{"inner":', "{}", "}", 100_000)}}`],
  ["unknown fields", `{"nope":${nested("[", "", "]", 100_000)}}`],
])("a body with very deep %s is 400", async (_name, body) => {
  const { post, gateway, errors } = await overHttp();
  const response = await post("/v1/mirror", body);
  expect(response.status).toBe(400);
  expect(((await response.json()) as { message: string }).message.length).toBeLessThan(500);
  await gateway.idle();
  expect(errors).toEqual([]);
});

test("a body of a hundred levels is read", async () => {
  const { post } = await overHttp();
  const body = `{"nested":${nested('{"inner":', "{}", "}", 90)}}`;
  expect((await post("/v1/mirror", body)).status).toBe(200);
});
