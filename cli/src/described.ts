import { type Contract, describeContract, type Finding, lineOf } from "../../plugin/src/library.ts";
import type { Flag } from "./command.ts";

/** The parameters of the plugin that say what a contract is. */
export const optFlag: Flag = {
  name: "opt",
  value: "key=value",
  many: true,
  text: "a parameter of protoc-gen-mesh that concerns routes, such as --opt unannotated=post",
};

/** Reads what an image promises. `called` is how the user calls it. Fails with its errors, all at once. */
export function contractOf(
  image: Uint8Array,
  called: string,
  parameters: readonly string[],
  file: (name: string) => string,
): Contract {
  const { contract, findings } = describe(image, called, parameters);
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return contract;
  const lines = errors.map((finding) => lineOf({ ...finding, file: file(finding.file) }));
  throw new Error(`${called} has errors, so nobody can say what it promises:\n${lines.join("\n")}`);
}

/** What an image promises, and what is wrong with it. Fails when it is none. */
export function describe(
  image: Uint8Array,
  called: string,
  parameters: readonly string[],
): { readonly contract: Contract; readonly findings: readonly Finding[] } {
  try {
    return describeContract(image, parameters);
  } catch (error) {
    throw new Error(`${called}: ${(error as Error).message}`, { cause: error });
  }
}
