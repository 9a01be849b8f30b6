import { expect, test } from "vitest";
import { generate } from "../plugin/test/compile.ts";
import { policies } from "../runtime/src/policies/index.ts";

/** A service whose method has the option, in each form that a method can have: an example is written for one of them. */
const forms = ["rpc Get(Request) returns (Reply)", "rpc Get(Request) returns (stream Reply)"].flatMap((rpc) =>
  ["NO_SIDE_EFFECTS", "IDEMPOTENT", "IDEMPOTENCY_UNKNOWN"].map((level) => ({ rpc, level })),
);

const proto = (example: string, { rpc, level }: (typeof forms)[number]) => `syntax = "proto3"; package t;
import "mesh/v1/options.proto";
message Request { string id = 1; string user_id = 2; string request_id = 3; string tenant = 4; repeated string ids = 5; }
message Reply { string id = 1; string name = 2; int32 count = 3; repeated string items = 4; }
service S {
  option (mesh.v1.service) = { auth: { access: AUTHENTICATED } timeout: { total: "2s" } };
  ${rpc} {
    option idempotency_level = ${level};
    option (mesh.v1.method) = { ${example} };
  }
  rpc GetDefault(Request) returns (Reply) { option idempotency_level = NO_SIDE_EFFECTS; }
}`;

test.each(Object.values(policies).map(({ option, reference }) => [option, reference.example]))(
  "the example of %s can be written in a proto file",
  (option, example) => {
    expect(example).toContain(option);
    const errors = forms.map((form) => generate({ "a.proto": proto(example, form) }).errors);
    expect(
      errors.some((found) => found.length === 0),
      errors.flat().join("\n"),
    ).toBe(true);
  },
);

test.each(Object.values(policies).map((row) => [row.option, row] as const))(
  "the reference of %s says how calls fail and what is decided, where a layer can do that",
  (_, row) => {
    const { errors, outcomes } = row.reference;
    for (const text of [...Object.values(errors), ...Object.values(outcomes)]) expect(text).not.toBe("");
    if ("client" in row || "server" in row) expect(Object.keys({ ...errors, ...outcomes })).not.toEqual([]);
  },
);
