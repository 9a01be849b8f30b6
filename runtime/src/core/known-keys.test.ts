import { expect, test } from "vitest";
import { checkKeys, unknownKey } from "./known-keys.ts";

const known = ["grpc", "http", "services", "maxRequestBytes"];

test("known keys pass, in any number", () => {
  expect(() => checkKeys({}, known, "serve")).not.toThrow();
  expect(() => checkKeys({ http: 1, grpc: undefined }, known, "serve")).not.toThrow();
});

test("an unknown key is an error that names the place, the key and the known ones", () => {
  expect(() => checkKeys({ http: 1, colour: 2 }, known, "serve")).toThrow(
    new TypeError('serve: unknown key "colour". Known keys: grpc, http, services, maxRequestBytes'),
  );
});

test.each([
  ["grcp", "grpc"],
  ["service", "services"],
  ["HTTP", "http"],
  ["max_request_bytes", "maxRequestBytes"],
  ["htp", "http"],
  ["max", "maxRequestBytes"],
])("%s is near %s", (typed, meant) => {
  expect(unknownKey(typed, known)).toContain(`unknown key ${JSON.stringify(typed)}, did you mean ${meant}?`);
});

test.each(["", "x", "tls", "listener"])("%j is near nothing", (typed) => {
  expect(unknownKey(typed, known)).not.toContain("did you mean");
});
