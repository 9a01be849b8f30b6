import { create, toBinary } from "@bufbuild/protobuf";
import { CodeGeneratorResponseSchema } from "@bufbuild/protobuf/wkt";
import { GenerationError } from "./generation-error.ts";
import { parameterHelp } from "./parameters.ts";
import { generator, run } from "./plugin.ts";

const [argument] = process.argv.slice(2);

if (argument === undefined && !process.stdin.isTTY) {
  answer().catch((error: unknown) => {
    console.error(error instanceof GenerationError ? error.message : error);
    process.exitCode = 1;
  });
} else if (argument === "--version" || argument === "-v") {
  console.log(generator);
} else if (argument === undefined || argument === "--help" || argument === "-h") {
  console.log(help());
} else {
  fail(`unknown argument ${argument}: buf and protoc run this program; try --help`);
}

/** Speaks the compilers' plugin protocol on stdin and stdout. */
async function answer(): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const { head, files } = run(Buffer.concat(chunks), (line) => console.error(line));
  // Messages add up when their bytes follow each other, so files can go out one by one.
  process.stdout.write(toBinary(CodeGeneratorResponseSchema, head));
  for (const file of files) {
    process.stdout.write(toBinary(CodeGeneratorResponseSchema, create(CodeGeneratorResponseSchema, { file: [file] })));
  }
}

function fail(text: string): void {
  console.error(text);
  process.exitCode = 1;
}

function help(): string {
  const column = Math.max(...parameterHelp.map(([parameter]) => parameter.length)) + 2;
  return `${generator}
Generates typed gRPC servers, clients and HTTP routes from .proto files. Run by a compiler:

  # buf.gen.yaml
  plugins:
    - local: protoc-gen-mesh
      out: gen
      strategy: all
      opt: [import_extension=js]

  protoc --mesh_out=gen --mesh_opt=import_extension=js shop.proto

Parameters:
${parameterHelp.map(([parameter, meaning]) => `  ${parameter.padEnd(column)}${meaning}`).join("\n")}`;
}
