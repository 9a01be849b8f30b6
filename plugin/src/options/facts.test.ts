/** A constant reply is right at generation exactly where generated code can give it. */
import { fromJsonString, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import type { ServiceSpec } from "../../../runtime/src/core/spec.ts";
import { registryOf } from "../../../runtime/src/messages/descriptors.ts";
import { generate } from "../../test/compile.ts";

const protos = (json: string) => ({
  "inner.proto": 'syntax = "proto3"; package inner; message Used { string a = 1; }',
  "outer.proto": 'syntax = "proto3"; package outer; import "inner.proto"; message Holds { inner.Used used = 1; }',
  "other.proto": 'syntax = "proto3"; package other; message Unused { string a = 1; }',
  "t.proto": `syntax = "proto2"; package t; import "mesh/v1/options.proto"; import "google/protobuf/any.proto";
    import "outer.proto"; import "other.proto";
    message Reply { required string id = 1; optional google.protobuf.Any any = 2; optional outer.Holds holds = 3; }
    service T { rpc Do(Reply) returns (Reply) { option (mesh.v1.method) = { ${json && `fallback: { json: ${JSON.stringify(json)} }`} }; } }`,
});

/** What the generated code has, read as a client reads it. */
function given(json: string): boolean {
  const { files } = generate(protos(""));
  const descriptors = /const descriptors =\s+"([^"]+)"/.exec(files["t_mesh.ts"] ?? "")?.[1] ?? "";
  const registry = registryOf({ name: "t.T", descriptors, methods: {} } as ServiceSpec);
  const reply = registry.getMessage("t.Reply");
  try {
    return reply !== undefined && toBinary(reply, fromJsonString(reply, json, { registry })).length > 0;
  } catch {
    return false;
  }
}

const any = (type: string) => `{"id": "1", "any": {"@type": "type.googleapis.com/${type}", "a": "b"}}`;

test.each([
  ['{"id": "1"}', true],
  ["{}", false],
  [any("inner.Used"), true],
  [any("other.Unused"), false],
  [any("no.Such"), false],
])("%s: %s", (json, right) => {
  expect(given(json)).toBe(right);
  expect(generate(protos(json)).errors.filter((line) => line.endsWith("[fallback/json]"))).toHaveLength(right ? 0 : 1);
});
