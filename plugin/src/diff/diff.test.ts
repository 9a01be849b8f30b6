import { toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { policies } from "@protomesh/runtime/policies";
import { expect, test } from "vitest";
import { compile } from "../../test/compile.ts";
import type { Contract } from "../contract/contract.ts";
import { describeContract } from "../library.ts";
import { type Change, exitCodeOf, worst } from "./change.ts";
import { diffContracts } from "./diff.ts";
import { kinds } from "./kinds.ts";

/** The contract of a method with this policy. */
function contractWith(
  policy: string,
  { level = "NO_SIDE_EFFECTS", service = "", head = "", more = "" } = {},
): Contract {
  const { contract, findings } = describeContract(
    toBinary(
      FileDescriptorSetSchema,
      compile({
        "shop.proto": `syntax = "proto3"; package shop; import "mesh/v1/options.proto"; import "google/api/annotations.proto";
          ${head}
          service Shop {
            ${service && `option (mesh.v1.service) = { ${service} };`}
            rpc Get(Request) returns (Reply) {
              option idempotency_level = ${level};
              option (mesh.v1.method) = { ${policy} };
              ${more}
            }
            rpc Other(Request) returns (Reply) { option idempotency_level = NO_SIDE_EFFECTS; }
          }
          message Request { string id = 1; string user_id = 2; string tenant = 3; int32 size = 4; }
          message Reply { string id = 1; string secret = 2; }`,
      }),
    ),
    [],
  );
  expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
  return contract;
}

const auth = "auth: { access: PUBLIC }";

/** `class option: before -> after` of what changes between two policies. */
const between = (before: string, after: string): string[] =>
  diffContracts(contractWith(before), contractWith(after)).map(lineOf);

const lineOf = ({ class: grave, option, before, after }: Change): string =>
  `${grave} ${option}: ${before ?? "-"} -> ${after ?? "-"}`;

test("every option of every policy has a row that says what its changes mean", () => {
  const optionsOf = (fields: object): string[] =>
    Object.entries(fields).flatMap(([key, field]) => [
      key,
      ...(field.fields ? optionsOf(field.fields).map((inner) => `${key}.${inner}`) : []),
    ]);
  const rowsOf = (rows: object): string[] =>
    Object.entries(rows).flatMap(([key, row]) => [
      key,
      ...(row.rows ? rowsOf(row.rows).map((inner) => `${key}.${inner}`) : []),
    ]);
  for (const [name, { fields }] of Object.entries(policies)) {
    const kind = kinds[name as keyof typeof kinds];
    expect(rowsOf(kind.rows), name).toEqual(expect.arrayContaining(optionsOf(fields)));
  }
  expect(Object.keys(kinds).sort()).toEqual(Object.keys(policies).sort());
});

test("options", () => {
  console.log(
    between(
      `${auth} timeout: { total: "2s" }`,
      `${auth} timeout: { total: "3s" attempt: "1s" } retry: { attempts: 3 on: [UNAVAILABLE] }`,
    ),
  );
  console.log(exitCodeOf([]), worst([]));
});
