import { expect, test } from "vitest";
import { parsePathTemplate, TemplateError } from "./path-template.ts";

const whole = (field: string, from: number, to: number) => ({ field, from, to });

test.each([
  ["/", { segments: [], variables: [] }],
  ["/v1/users", { segments: ["v1", "users"], variables: [] }],
  ["/v1/{id}", { segments: ["v1", "*"], variables: [whole("id", 1, 2)] }],
  ["/v1/{user.id=*}", { segments: ["v1", "*"], variables: [whole("user.id", 1, 2)] }],
  ["/v1/*/x", { segments: ["v1", "*", "x"], variables: [] }],
  ["/{name=shelves/*/books/*}", { segments: ["shelves", "*", "books", "*"], variables: [whole("name", 0, 4)] }],
  ["/v1/{name=a/**}:run", { segments: ["v1", "a", "**"], verb: "run", variables: [whole("name", 1, 3)] }],
  ["/v1/{a}/{b=**}", { segments: ["v1", "*", "**"], variables: [whole("a", 1, 2), whole("b", 2, 3)] }],
  ["/{p=d/**}/{c}", { segments: ["d", "**", "*"], variables: [whole("p", 0, 2), whole("c", 2, 3)] }],
  ["/v1/users:search", { segments: ["v1", "users"], verb: "search", variables: [] }],
  ["/v1/{id}:a%2Db", { segments: ["v1", "*"], verb: "a-b", variables: [whole("id", 1, 2)] }],
])("reads %s", (template, expected) => {
  expect(parsePathTemplate(template)).toEqual(expected);
});

test.each([
  ["/v1/%41bc", "Abc"],
  ["/v1/%7e", "~"],
  ["/v1/a%2fb", "a%2Fb"],
  ["/v1/%2A%2a", "%2A%2A"],
  ["/v1/%24discovery", "%24discovery"],
  ["/v1/%c3%BC", "%C3%BC"],
  ["/v1/a%3Ab", "a%3Ab"],
])("gives %s its canonical spelling %s", (template, literal) => {
  expect(parsePathTemplate(template)).toEqual({ segments: ["v1", literal], variables: [] });
});

test.each([
  ["", 'must start with "/"'],
  ["v1/users", 'write "/v1/users"'],
  ["//v1", "empty segment"],
  ["/v1//users", "empty segment"],
  ["/v1/", "empty segment"],
  ["/:run", "empty segment"],
  ["/v1/{name=}", "empty segment"],
  ["/v1/{name=/a}", "empty segment"],
  ["/v1/{a={b}/x}", "a variable stands inside a variable"],
  ["/v1/{a}/{a}", "{a} stands in it twice"],
  ["/v1/{a}/{b}/{a=x/*}", "{a} stands in it twice"],
  ["/v1/{1}", "does not name a field"],
  ["/v1/{a-b}", "does not name a field"],
  ["/v1/{}", "does not name a field"],
  ["/v1/{a.}", "does not name a field"],
  ["/v1/{.a}", "does not name a field"],
  ["/v1/{a..b}", "does not name a field"],
  ["/v1/{ a }", "does not name a field"],
  ["/v1/{a", 'needs its closing "}"'],
  ["/v1/{a=b", 'needs its closing "}"'],
  ["/v1/{a=b:c}", 'needs its closing "}"'],
  ["/v1/{a}b", "must be a whole segment"],
  ["/v1/a{b}", "must be a whole segment"],
  ["/v1/a}", "must be a whole segment"],
  ["/v1/***", '"*" stands for a whole segment'],
  ["/v1/a*", '"*" stands for a whole segment'],
  ["/v1/**/x/**", '"**" twice'],
  ["/v1/{a=**}/{b=**}", '"**" twice'],
  ["/v1/a:", "without a verb"],
  ["/v1/a:b:c", '":"'],
  ["/v1/a:b/c", "a verb must come last"],
  ["/v1:b/c", "a verb must come last"],
  ["/v1/a:{b}", "without a verb"],
  ["/v1/a:*", '"*" stands for a whole segment'],
  ["/v1/a b", '" "'],
  ["/v1/a?b=c", '"?"'],
  ["/v1/a#b", '"#"'],
  ["/v1/$a", "write other characters as %XX"],
  ["/v1/ü", "write other characters as %XX"],
  ["/v1/%", "without two hex digits"],
  ["/v1/%zz", "without two hex digits"],
  ["/v1/%ff", "not UTF-8"],
])("refuses %s", (template, complaint) => {
  expect(() => parsePathTemplate(template)).toThrow(TemplateError);
  expect(() => parsePathTemplate(template)).toThrow(complaint);
});
