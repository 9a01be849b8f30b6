import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, fromBinary, setExtension, toBinary } from "@bufbuild/protobuf";
import {
  CodeGeneratorRequestSchema,
  FileOptionsSchema,
  MethodOptions_IdempotencyLevel,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import {
  Auth_Access,
  FilePolicySchema,
  file,
  method as methodOption,
  PolicySchema,
} from "../../plugin/src/gen/mesh/v1/options_pb.js";
import { captureRequest, serviceFiles, subsetOf } from "../../scripts/corpus/request.mjs";
import { folder as corpusFolder, root } from "../../scripts/corpus/run.mjs";

const folder = join(root, ".cache", "bench", "generate");

/** Files with an encoded `google.protobuf.compiler.CodeGeneratorRequest` without a parameter, about the same proto files. */
export interface Requests {
  /** How many proto files are generated. */
  readonly count: number;
  /** As the files are. */
  readonly plain: string;
  /** Every service with policies, so that there is something to export. */
  readonly withPolicies: string;
}

/** A small input: a file with one service, as a project begins. */
export const smallest = (): Promise<Requests> => requestsFor("small", ["google/cloud/location/locations.proto"]);

/** Some files of google-proto-files. `few` is enough to see that all contenders run. */
export const someFiles = (few: boolean): Promise<Requests> => {
  const files = subsetOf(serviceFiles());
  return requestsFor(few ? "few" : "some", few ? files.slice(0, 2) : files);
};

/** All files of google-proto-files that have services. */
export const allFiles = (): Promise<Requests> => requestsFor("all", serviceFiles());

async function requestsFor(name: string, files: readonly string[]): Promise<Requests> {
  for (const needed of [folder, corpusFolder]) mkdirSync(needed, { recursive: true });
  const plain = join(folder, `${name}.req`);
  const withPolicies = join(folder, `${name}-policies.req`);
  await captureRequest(files, plain);
  writeFileSync(withPolicies, annotated(readFileSync(plain)));
  return { count: files.length, plain, withPolicies };
}

/** The request with policies of all kinds: some for each file, and some for the methods that read. */
function annotated(bytes: Uint8Array): Uint8Array {
  const request = fromBinary(CodeGeneratorRequestSchema, bytes);
  const generated = new Set(request.fileToGenerate);
  for (const proto of [...request.protoFile, ...request.sourceFileDescriptors]) {
    if (!generated.has(proto.name)) continue;
    proto.options ??= create(FileOptionsSchema);
    setExtension(proto.options, file, create(FilePolicySchema, { defaults: everywhere }));
    for (const method of proto.service.flatMap((service) => service.method)) {
      if (!/^(?:Get|List)/.test(method.name) || method.serverStreaming || method.clientStreaming) continue;
      method.options ??= create(MethodOptionsSchema);
      method.options.idempotencyLevel = MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
      setExtension(method.options, methodOption, create(PolicySchema, reading));
    }
  }
  return toBinary(CodeGeneratorRequestSchema, request);
}

const everywhere = {
  timeout: { total: "5s", max: "30s" },
  auth: { access: Auth_Access.AUTHENTICATED, providers: ["corp"], scopes: ["cloud"] },
  rateLimit: [{ name: "per caller", rate: "100/s", by: ["principal"] }],
  concurrency: { max: 200 },
  circuitBreaker: { ratio: 0.5 },
  limits: { requestBytes: 1n << 20n },
};

const reading = { timeout: { attempt: "1s" }, retry: { attempts: 3 } };
