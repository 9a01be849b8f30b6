import { toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Contract } from "../src/contract/contract.ts";
import type { Change } from "../src/diff/change.ts";
import { diffContracts } from "../src/diff/diff.ts";
import { describeContract } from "../src/library.ts";
import { compile } from "./compile.ts";

/** The method that has the policy. */
export const shop = "/shop.Shop/Get";

/** Parts of a proto file: policies in text format, the rest as it stands there. */
interface Parts {
  readonly policy: string;
  readonly level?: string;
  readonly service?: string;
  readonly head?: string;
  readonly more?: string;
  readonly rename?: readonly [string, string];
}

/** The contract of a service with these parts. Throws when something is wrong with them. */
export const contractOf = (parts: Parts): Contract => contractOfFiles({ "shop.proto": protoOf("shop", parts) });

function protoOf(
  scope: string,
  { policy, level = "NO_SIDE_EFFECTS", service = "", head = "", more = "", rename }: Parts,
): string {
  const text = `syntax = "proto3"; package ${scope}; import "mesh/v1/options.proto"; import "google/api/annotations.proto";
    ${head}
    service Shop {
      option (mesh.v1.service) = { ${service} };
      rpc Get(Request) returns (Reply) {
        option idempotency_level = ${level};
        option (mesh.v1.method) = { ${policy} };
        ${more}
      }
      rpc Other(Request) returns (Reply) { option idempotency_level = NO_SIDE_EFFECTS; }
    }
    message Request { string id = 1; string user_id = 2; string tenant = 3; int32 size = 4; }
    message Reply { Inner inner = 1; Reply reply = 2; }
    message Inner { string note = 1; }`;
  return rename ? text.replace(...rename) : text;
}

/** The contract of whole proto files. */
export function contractOfFiles(protos: { readonly [name: string]: string }): Contract {
  const { contract, findings } = describeContract(toBinary(FileDescriptorSetSchema, compile(protos)), []);
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(({ text }) => text).join("\n"));
  return contract;
}

/** What changes between two policies of a method, for many pairs of them at once; see `lines`. */
export function betweenAll(pairs: readonly (readonly [before: string, after: string])[]): string[][] {
  const [before, after] = ([0, 1] as const).map((side) =>
    contractOfFiles(
      Object.fromEntries(
        pairs.map((pair, index) => [`case${index}.proto`, protoOf(`case${index}`, { policy: pair[side] })]),
      ),
    ),
  ) as [Contract, Contract];
  const changes = diffContracts(before, after);
  return pairs.map((_, index) => lines(changes.filter(({ subject }) => subject === `/case${index}.Shop/Get`)));
}

/** Changes as `class option: before -> after`. */
export const lines = (changes: readonly Change[]): string[] =>
  changes.map(({ class: grave, option, before = "-", after = "-" }) => `${grave} ${option}: ${before} -> ${after}`);
