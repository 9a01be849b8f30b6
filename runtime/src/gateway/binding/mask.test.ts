import { expect, test } from "vitest";
import { Kitchen } from "../../../test/kitchen/kitchen_mesh.ts";
import type { Codec, Route } from "../../core/spec.ts";
import { messageJson } from "../../json/codecs.ts";
import { registryOf, schemaOf } from "../../messages/descriptors.ts";
import type { HttpConfig } from "../../policies/index.ts";
import { compileBinder } from "./bind.ts";
import { noBody } from "./body.ts";

const registry = registryOf(Kitchen);
const codec = Kitchen.methods.updateDish?.request as Codec;
const patch: Route = { method: "PATCH", template: "/", segments: [], variables: [], body: "dish" };
const withId: Route = { ...patch, segments: ["*"], variables: [{ field: "dish.id", from: 0, to: 1 }] };

interface Update {
  readonly dish?: object;
  readonly updateMask?: string[];
}

function update(body: string, route = patch, path: string[] = [], query = "", config: HttpConfig = {}): Update {
  const ignoreUnknown = config.unknownJson === "IGNORE";
  const json = messageJson(codec, registry, { registry, ignoreUnknown });
  const schema = schemaOf(codec, registry);
  const binder = compileBinder({ route, schema, registry, config, json });
  return binder.bind(path, query, body === "" ? noBody : { kind: "json", text: body }) as Update;
}

test.each([
  ['{"name":"soup"}', ["name"]],
  ['{"name":"","note":null}', ["name", "note"]],
  ['{"created_at":"2026-11-21T08:00:00Z","photo":""}', ["created_at", "photo"]],
  ['{"createdAt":"2026-11-21T08:00:00Z"}', ["created_at"]],
  ['{"labels":{"a":"b"},"ingredients":[{"name":"x"}]}', ["ingredients", "labels"]],
])("a PATCH of %s updates these fields", (body, paths) => {
  expect(update(body).updateMask).toEqual(paths);
});

test("what the path gives is not updated", () => {
  expect(update('{"id":"5","name":"soup"}', withId, ["7"])).toMatchObject({ dish: { id: 7n }, updateMask: ["name"] });
});

test("a mask in the query wins, an empty one does not", () => {
  expect(update('{"name":"a"}', patch, [], "update_mask=note").updateMask).toEqual(["note"]);
  expect(update('{"name":"a"}', patch, [], "update_mask=").updateMask).toEqual(["name"]);
});

test("nothing to update leaves no mask", () => {
  expect(update("").updateMask).toBeUndefined();
  expect(update("{}").updateMask).toBeUndefined();
});

test("only a PATCH whose body is a field is an update", () => {
  expect(update('{"name":"a"}', { ...patch, method: "PUT" }).updateMask).toBeUndefined();
  expect(update('{"dish":{"name":"a"}}', { ...patch, body: "*" }).updateMask).toBeUndefined();
});

test("unknown names are refused, or passed over", () => {
  expect(() => update('{"nope":1}')).toThrow("nope: is unknown");
  expect(update('{"nope":1,"name":"a"}', patch, [], "", { unknownJson: "IGNORE" }).updateMask).toEqual(["name"]);
});
