import { expect, test } from "vitest";
import { compareRules } from "./rule.ts";

const rule = "auth.sub == request.user_id";

test.each([
  [rule, rule, "same"],
  [rule, `  ( auth.sub==request.user_id ) `, "same"],
  [rule, `(${rule}) && 'a' in auth.scopes`, "narrower"],
  [rule, `'a' in auth.scopes && (${rule})`, "narrower"],
  [rule, `'a' in auth.scopes && (${rule} && auth.provider == "x")`, "narrower"],
  [`${rule} && 'a' in auth.scopes`, `'a' in auth.scopes && ${rule}`, "same"],
  [`${rule} && 'a' in auth.scopes`, rule, "unknown"],
  // && binds closer than ||.
  [`${rule} || 'a' in auth.scopes`, `${rule} || 'a' in auth.scopes && 'b' in auth.scopes`, "unknown"],
  [`${rule} || 'a' in auth.scopes`, `(${rule} || 'a' in auth.scopes) && 'b' in auth.scopes`, "narrower"],
  [rule, `${rule} || 'a' in auth.scopes`, "unknown"],
  [rule, `!(${rule})`, "unknown"],
  [rule, "request.user_id == auth.sub", "unknown"],
  // What is within a text, a number or bytes is not layout.
  ["auth.sub == 'a  b'", "auth.sub == 'a b'", "unknown"],
  ["request.size == 1", "request.size==1", "same"],
  ["request.size == 1", "request.size == 2", "unknown"],
  ["request.size == 1", "request.size == 1u", "unknown"],
  ["request.size == 0.0", "request.size == -0.0", "unknown"],
  ["request.data == b'a'", "request.data == b'b'", "unknown"],
  ["request.size < 9007199254740992", "request.size < 9007199254740993", "unknown"],
  ["auth.scopes.exists(s, s == 'a')", "auth.scopes.exists(s,s=='a')", "same"],
  ["auth.scopes.exists(s, s == 'a')", "auth.scopes.all(s, s == 'a')", "unknown"],
  ["auth.scopes.exists(s, s == 'a')", "auth.scopes.exists(s, s == 'b')", "unknown"],
  ["has(request.id)", "request.id", "unknown"],
  ["not CEL &&", "not CEL &&", "same"],
  ["not CEL &&", "not  CEL &&", "unknown"],
  [rule, "not CEL &&", "unknown"],
])("%s => %s: %s", (before, after, want) => {
  expect(compareRules(before, after)).toBe(want);
});
