import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { generate, type Outcome } from "./compile.ts";

/** Anything that was read from YAML: tests say by their expectations what it is. */
// biome-ignore lint/suspicious/noExplicitAny: documents of others have no types here
export type Yaml = any;

/** Exports the services of one proto file of package `acme` for a target, with a configuration. */
export function exported(target: string, services: string, config?: string): Outcome {
  const folder = mkdtempSync(join(tmpdir(), "mesh-exported-"));
  try {
    const file = join(folder, "mesh.yaml");
    if (config !== undefined) writeFileSync(file, config);
    const proto = `syntax = "proto3"; package acme;
      import "google/api/annotations.proto"; import "mesh/v1/options.proto";
      ${services}
      message M { string a = 1; string b = 2; }`;
    const parameter = `target=${target}${config === undefined ? "" : `,config=${file}`}`;
    const outcome = generate({ "a.proto": proto }, parameter);
    if (outcome.errors.length > 0) throw new Error(outcome.errors.join("\n").replaceAll(folder, ""));
    return outcome;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The documents of all files, as YAML 1.1 has them. */
export const documentsOf = ({ files }: Outcome): Yaml[] =>
  Object.values(files).flatMap((text) =>
    parseAllDocuments(text, { version: "1.1", merge: false }).map((document) => document.toJS()),
  );

/** A method that repeats nothing twice, with options of its own and a route. */
export const rpc = (name: string, options: string, route?: string): string =>
  `rpc ${name}(M) returns (M) { option idempotency_level = NO_SIDE_EFFECTS;
    ${route === undefined ? "" : `option (google.api.http) = { ${route} };`}
    option (mesh.v1.method) = { ${options} }; }`;
