import { expect, test } from "vitest";
import { formatAddress, listenError, parseAddress } from "./address.ts";

test.each([
  [8080, "127.0.0.1", 8080],
  [0, "127.0.0.1", 0],
  ["8080", "127.0.0.1", 8080],
  [":8080", "127.0.0.1", 8080],
  ["localhost:0", "localhost", 0],
  ["0.0.0.0:65535", "0.0.0.0", 65_535],
  ["[::1]:42", "::1", 42],
] as const)("%j is %s, port %i", (value, host, port) => {
  expect(parseAddress(value, "grpc")).toEqual({ host, port });
});

test.each([
  "",
  "localhost",
  "localhost:",
  "localhost:65536",
  "http://localhost:80",
  "::1:80",
  "[::1]",
  "a b:80",
  65_536,
  -1,
  1.5,
  Number.NaN,
])("%j is an error that names the option", (value) => {
  expect(() => parseAddress(value, "serve: grpc")).toThrow(/^serve: grpc: .* is not an address: use a port/);
});

test("an address prints as it is written", () => {
  for (const text of ["127.0.0.1:1", "[::1]:2"]) expect(formatAddress(parseAddress(text, "grpc"))).toBe(text);
});

test("a reason that is not known is passed on", () => {
  const error = listenError(new Error("no idea"), { host: "127.0.0.1", port: 1 }, "http");
  expect(error.message).toBe("http: cannot listen on 127.0.0.1:1: no idea");
});
