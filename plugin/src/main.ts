import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { CodeGeneratorRequestSchema, CodeGeneratorResponseSchema } from "@bufbuild/protobuf/wkt";
import { parameterHelp } from "./parameters.ts";
import { createPlugin } from "./plugin.ts";
import { GenerationError } from "./problems.ts";

const plugin = createPlugin();
const [argument] = process.argv.slice(2);

if (argument === undefined) {
  run().catch((error: unknown) => {
    console.error(error instanceof GenerationError ? error.message : error);
    process.exitCode = 1;
  });
} else if (argument === "--version" || argument === "-v") {
  console.log(`${plugin.name} ${plugin.version}`);
} else if (argument === "--help" || argument === "-h") {
  console.log(help());
} else {
  fail(`unknown argument ${argument}: buf and protoc run this program; try --help`);
}

/** Speaks the compilers' plugin protocol on stdin and stdout. */
async function run(): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const response = plugin.run(fromBinary(CodeGeneratorRequestSchema, Buffer.concat(chunks)));
  process.stdout.write(toBinary(CodeGeneratorResponseSchema, response));
}

function fail(text: string): void {
  console.error(`${plugin.name}: ${text}`);
  process.exitCode = 1;
}

function help(): string {
  const column = Math.max(...parameterHelp.map(([parameter]) => parameter.length)) + 2;
  return `${plugin.name} ${plugin.version}
Generates typed gRPC servers, clients and HTTP routes from .proto files. Run by a compiler:

  # buf.gen.yaml
  plugins:
    - local: ${plugin.name}
      out: gen
      strategy: all
      opt: [import_extension=js]

  protoc --mesh_out=gen --mesh_opt=import_extension=js shop.proto

Parameters:
${parameterHelp.map(([parameter, meaning]) => `  ${parameter.padEnd(column)}${meaning}`).join("\n")}`;
}
