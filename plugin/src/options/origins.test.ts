import { toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { compile } from "../../test/compile.ts";
import { describeContract } from "../library.ts";

/** Who set what of a method, by option: level, profile and line. */
function originsOf(method: string, service = "") {
  const protos = {
    "a.proto": `syntax = "proto3"; package t; import "mesh/v1/options.proto";
option (mesh.v1.file) = { defaults: { timeout: { total: "9s" } auth: { access: AUTHENTICATED scopes: "read" } }
  profiles: { name: "slow" policy: { timeout: { total: "60s" } } } };
message M { string id = 1; }
service S {
  option (mesh.v1.service) = { retry: { attempts: 2 budget: { ratio: 0.1 } } rate_limit: { name: "a.b" rate: "5/s" by: "peer" } ${service} };
  rpc A(M) returns (M) { option idempotency_level = NO_SIDE_EFFECTS;
    option (mesh.v1.method) = { ${method} };
  }
}`,
  };
  const { contract, findings } = describeContract(toBinary(FileDescriptorSetSchema, compile(protos)), []);
  expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
  const [service_] = contract.services;
  const origins = service_?.methods[0]?.origins ?? new Map();
  return Object.fromEntries(
    [...origins].map(([option, { level, profile, place }]) => [
      option,
      [level, profile, contract.locate(place).line].filter((one) => one !== undefined).join(" "),
    ]),
  );
}

test("every option says who set it last, nested ones and items of lists too", () => {
  const origins = originsOf('use: "slow" rate_limit: { name: "a.b" burst: 9 }');
  expect(origins).toMatchObject({
    "timeout.total": "method slow 8",
    "auth.scopes": "file 2",
    "retry.attempts": "service 6",
    "retry.budget": "service 6",
    "retry.budget.ratio": "service 6",
    "rate_limit[a.b].rate": "service 6",
    "rate_limit[a.b].burst": "method 8",
  });
  expect(Object.keys(origins)).not.toContain("retry.budget.window");
});

test("what a level drops was set by nobody", () => {
  const origins = originsOf("auth: { access: PUBLIC } off: [RETRY, RATE_LIMIT, TIMEOUT] timeout: { attempt: '1s' }");
  expect(Object.keys(origins).sort()).toEqual([
    "auth",
    "auth.access",
    "retry.budget",
    "retry.budget.ratio",
    "timeout",
    "timeout.attempt",
  ]);
});
