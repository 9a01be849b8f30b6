import { expect, test } from "vitest";
import { parseParameters } from "./parameters.ts";

test("without parameters, messages are ts-proto's and imports end with .js", () => {
  const { messages, importExtension, runtime, tsProto } = parseParameters("");

  expect({ messages, importExtension, runtime }).toEqual({
    messages: "ts-proto",
    importExtension: ".js",
    runtime: "@protomesh/runtime",
  });
  expect(tsProto).toMatchObject({ importSuffix: ".js", camelCaseNames: true, useSnakeTypeName: true, typePrefix: "" });
});

test("routes hang on a Gateway of their namespace, or of another", () => {
  const gatewayOf = (parameter: string) => parseParameters(parameter).targetOptions.gateway;
  expect(["", "gateway=public", "gateway=edge/public.v2"].map(gatewayOf)).toEqual([
    "gateway",
    "public",
    "edge/public.v2",
  ]);
});

test("ts-proto's naming options keep their spelling", () => {
  const { tsProto } = parseParameters(
    "fileSuffix=.pb,importSuffix=,typePrefix=A,typeSuffix=Z,snakeToCamel=json,useSnakeTypeName=false,Ma/b.proto=@acme/b",
  );

  expect(tsProto).toMatchObject({
    fileSuffix: ".pb",
    importSuffix: "",
    typePrefix: "A",
    typeSuffix: "Z",
    camelCaseNames: false,
    useSnakeTypeName: false,
  });
  expect([...tsProto.modules]).toEqual([["a/b.proto", "@acme/b"]]);
});

test.each([
  ["snakeToCamel=true", true],
  ["snakeToCamel=false", false],
  ["snakeToCamel=keys_json", true],
  ["snakeToCamel=json,snakeToCamel=keys", true],
  ["snakeToCamel=json", false],
])("%s: names in camel case: %s", (parameter, camelCaseNames) => {
  expect(parseParameters(parameter).tsProto.camelCaseNames).toBe(camelCaseNames);
});

test("options of ts-proto that generated code does not notice are accepted, so one list serves both", () => {
  const parameter =
    "esModuleInterop=true,forceLong=bigint,oneof=unions-value,useDate=false,outputServices=none,env=node";
  expect(() => parseParameters(parameter)).not.toThrow();
});

test.each([
  ["target=js", "parameter target=js: use one of ts"],
  ["gateway=", "parameter gateway=: write the name of a Gateway, or <namespace>/<name>"],
  ["gateway=a/b/c", "parameter gateway=a/b/c: write the name"],
  ["gateway=Edge", "parameter gateway=Edge: write the name"],
  ["target=js+dts", "parameter target=js+dts: use one of ts"],
  ["messages=protobufjs", "parameter messages=protobufjs: use messages=ts-proto or messages=protobuf-es"],
  ["import_extension=mjs", "use import_extension=js or import_extension=ts or import_extension=none"],
  ["runtime=", "parameter runtime= is empty: give an import path or remove it"],
  ["message=protobuf-es", "unknown parameter message: did you mean messages?"],
  ["filesuffix=.pb", "unknown parameter filesuffix: did you mean fileSuffix?"],
  [
    "quantum=on",
    "unknown parameter quantum: known are messages, import_extension, runtime, unannotated, grpc_api_configuration, openapi, openapi_auth, openapi_visibility",
  ],
  ["openapi=yes", "parameter openapi=yes: use openapi=false or openapi=true or openapi=merge"],
  ["openapi_auth=staff", "parameter openapi_auth=staff: write <provider>:bearer, <provider>:api_key"],
  ["openapi_auth=staff:basic", "parameter openapi_auth=staff:basic: write"],
  ["openapi_auth=staff:bearer:x-key", "parameter openapi_auth=staff:bearer:x-key: write"],
  ["openapi_auth=staff:api_key:", "parameter openapi_auth=staff:api_key:: write"],
  ["unannotated=get", "parameter unannotated=get: use unannotated=none or unannotated=post"],
  ["keep_empty_files=true", "unknown parameter keep_empty_files"],
  ["messages", "parameter messages has no value: write messages=<value>"],
  ["onlyTypes=true", "parameter onlyTypes=true: messages without encode and decode cannot be sent"],
  ["outputEncodeMethods=false", "parameter outputEncodeMethods=false: messages without encode"],
  ["outputEncodeMethods=encode-only", "remove it here and from ts-proto's parameters"],
  ["outputDecodeIncludeTypes=acme", "every message of a method needs decode"],
  ["nestJs=true", "it leaves out encode and decode"],
  ["snakeToCamel=maybe", "parameter snakeToCamel=maybe: use true, false, keys, json or keys_json"],
  ["useSnakeTypeName=1", "use useSnakeTypeName=true or useSnakeTypeName=false"],
  ["messages=protobuf-es,typePrefix=A,Ma.proto=b", "with messages=protobuf-es: remove typePrefix, M<file>"],
])("%s is refused", (parameter, text) => {
  expect(() => parseParameters(parameter)).toThrow(text);
});

test("everything wrong is said at once", () => {
  expect(() => parseParameters("target=dts,mesages=x,runtime=")).toThrow(/target=dts.*\n.*|mesages.*\n.*runtime/s);
});
