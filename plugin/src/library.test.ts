import { toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type FileDescriptorSet, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { compile } from "../test/compile.ts";
import { describeContract, describeServices } from "./library.ts";

const protos = {
  "base.proto": 'syntax = "proto3"; package acme; service Base { rpc Get(M) returns (M); } message M { string a = 1; }',
  "shop.proto": `syntax = "proto3"; package acme.shop; import "base.proto"; import "google/api/annotations.proto"; import "mesh/v1/options.proto";
    service Shop {
      option (mesh.v1.service) = { timeout: { total: "3s" } };
      rpc Get(acme.M) returns (acme.M) { option (google.api.http) = { get: "/v1/{a}" }; option idempotency_level = NO_SIDE_EFFECTS; }
    }`,
};

const describe = (set: FileDescriptorSet, parameters: readonly string[] = []) => {
  const warnings: string[] = [];
  return {
    ...describeServices(toBinary(FileDescriptorSetSchema, set), parameters, (line) => warnings.push(line)),
    warnings,
  };
};

/** As buf writes that a file is there for others only. Source: buf/alpha/image/v1/image.proto. */
function markImport(set: FileDescriptorSet, name: string, value: boolean): FileDescriptorSet {
  const file = set.file.find((one) => one.name === name);
  const inner = new BinaryWriter().tag(2, WireType.Varint).bool(true).tag(1, WireType.Varint).bool(value).finish();
  if (file)
    file.$unknown = [{ no: 8042, wireType: WireType.LengthDelimited, data: new BinaryWriter().bytes(inner).finish() }];
  return set;
}

test("services come with the policies and routes that generated code would have", () => {
  const { services, registry } = describe(compile(protos));
  expect(services.map(({ typeName }) => typeName).sort()).toEqual(["acme.Base", "acme.shop.Shop"]);
  const [get] = services.find(({ typeName }) => typeName === "acme.shop.Shop")?.methods ?? [];
  expect(get).toMatchObject({
    key: "get",
    name: "Get",
    kind: "unary",
    idempotency: "NO_SIDE_EFFECTS",
    request: { typeName: "acme.M" },
    policy: { timeout: { totalMs: 3000 } },
    routes: [{ method: "GET", template: "/v1/{a}", segments: ["v1", "*"] }],
  });
  expect(registry.getMessage("acme.M")?.fields.map(({ name }) => name)).toEqual(["a"]);
  expect(services[0]?.descriptors()).toMatch(/^[A-Za-z0-9+/=]+$/);
});

test("services of files that buf marks as imported are none of the caller's", () => {
  const names = (value: boolean) =>
    describe(markImport(compile(protos), "base.proto", value)).services.map(({ typeName }) => typeName);
  expect(names(true)).toEqual(["acme.shop.Shop"]);
  expect(names(false)).toHaveLength(2);
});

test("parameters that concern routes hold", () => {
  const { services } = describe(compile(protos), ["unannotated=post"]);
  const routes = services.flatMap(({ methods }) =>
    methods.flatMap((method) => method.routes.map(({ template }) => template)),
  );
  expect(routes.sort()).toEqual(["/acme.Base/Get", "/v1/{a}"]);
  expect(() => describe(compile(protos), ["unannotatd=post"])).toThrow(/unknown parameter unannotatd/);
});

test("a set without what its files import is told apart from one that is none", () => {
  const set = compile(protos);
  set.file = set.file.filter(({ name }) => name !== "base.proto");
  expect(() => describe(set)).toThrow(
    /shop\.proto imports base\.proto, which the set does not have: .*--include_imports/,
  );
  for (const bytes of ["", "GET / HTTP/1.1", '{"file":[]}', "\x0a\x00"])
    expect(() => describeServices(Buffer.from(bytes), [], () => {})).toThrow(
      /it is no descriptor set: write it by buf build/,
    );
});

test("a wrong option is an error with its place", () => {
  const wrong = {
    "a.proto":
      protos["shop.proto"].replace('"3s"', '"3"').replaceAll("acme.M", "M").replace('import "base.proto";', "") +
      " message M { string a = 1; }",
  };
  expect(() => describe(compile(wrong))).toThrow(/^a\.proto:\d+:\d+: \(mesh\.v1\.service\)\.timeout\.total/);
});

test("a contract knows where its elements are, and who set what", () => {
  const { contract } = describeContract(toBinary(FileDescriptorSetSchema, compile(protos)), []);
  const [shop] = contract.services.filter(({ name }) => name === "acme.shop.Shop");
  const [get] = shop?.methods ?? [];
  const total = get?.origins.get("timeout.total");
  if (!shop || !get || !total) throw new Error("the set has no such method");
  expect(contract.locate(shop.place)).toEqual({ file: "shop.proto", line: 2, column: 5 });
  expect(contract.locate(total.place)).toEqual({ file: "shop.proto", line: 3, column: 7 });
  expect(contract.locate(get.place)).toEqual({ file: "shop.proto", line: 4, column: 7 });
});
