import { expect, test } from "vitest";
import type { FieldFacts, MethodFacts } from "../../core/policy.ts";
import { type HeaderBinding, headerBindings, headerRules } from "./headers.ts";

const fields: { readonly [path: string]: FieldFacts } = {
  tenant: { scalar: "string", repeated: false, map: false, sensitive: false },
  "user.id": { scalar: "int", repeated: false, map: false, sensitive: false },
  tags: { scalar: "string", repeated: true, map: false, sensitive: false },
  labels: { scalar: "message", repeated: false, map: true, sensitive: false },
  user: { scalar: "message", repeated: false, map: false, sensitive: false },
};
const method: MethodFacts = {
  path: "/a.B/C",
  kind: "unary",
  idempotency: undefined,
  policy: {},
  field: (path) => fields[path],
  replyProblem: () => undefined,
  sibling: () => undefined,
};
const problems = (headers?: readonly HeaderBinding[]) =>
  headerRules.flatMap(({ check }) => check(headers ? { headers } : {}, method) ?? []);

test("headers fill scalar fields, nested ones and lists too", () => {
  const bindings = headerBindings.parse([
    { header: "X-Tenant", field: "tenant" },
    { header: "x-user", field: "user.id" },
    { header: "x-tags", field: "tags" },
  ]);
  expect(bindings).toEqual([
    { header: "x-tenant", field: "tenant" },
    { header: "x-user", field: "user.id" },
    { header: "x-tags", field: "tags" },
  ]);
  expect(problems(bindings)).toEqual([]);
  expect(problems()).toEqual([]);
});

test.each([
  [{ header: "", field: "tenant" }, 'header: "" is no header: write a name such as "x-tenant"'],
  [{ field: "tenant" }, 'header: "" is no header'],
  [{ header: "x tenant", field: "tenant" }, "is no header"],
  [{ header: "x:y", field: "tenant" }, "is no header"],
  [{ header: "Content-Length", field: "tenant" }, "content-length is about the connection or the body"],
  [{ header: "x-tenant" }, "field: is empty: name the request field that x-tenant fills"],
])("%j is refused", (binding, text) => {
  expect(() => headerBindings.parse([binding])).toThrow(text);
});

test("two headers for one field are refused", () => {
  const two = [
    { header: "x-a", field: "tenant" },
    { header: "x-b", field: "tenant" },
  ];
  expect(() => headerBindings.parse(two)).toThrow("field: tenant is filled by two headers");
});

test.each([
  ["nope", "which the request does not have"],
  ["user.nope", "which the request does not have"],
  ["labels", "which is a map"],
  ["user", "which is a message: name a scalar field, such as one inside it"],
])("a header cannot fill %s", (field, text) => {
  expect(problems([{ header: "x-a", field }])).toEqual([expect.stringContaining(`header x-a fills ${field}, ${text}`)]);
});
