import { readFileSync } from "node:fs";
import manifest from "../../package.json" with { type: "json" };
import { callOf, prepared } from "./prepared.ts";

/** buf starts this program many times in one run: what a call does not need is not loaded. */
async function main(args: readonly string[]): Promise<void> {
  const { flags, rest } = read(args);
  if (flags.has("help") || (args.length === 0 && process.stdin.isTTY)) return print(help());
  if (flags.has("version")) return print(`buf-plugin-mesh ${manifest.version}\n`);
  if (flags.has("protocol")) return print("1\n");
  const [path] = rest;
  if (path === undefined && !flags.has("spec"))
    throw new Error("the procedure is missing: buf runs this program; try --help");
  const request = path === undefined ? new Uint8Array() : await stdin();
  const ready = prepared[callOf(path ?? "--spec", request)];
  if (ready !== undefined) return print(Buffer.from(ready, "base64"));
  const { answer, specification } = await import("./procedures.ts");
  print(path === undefined ? specification() : await answer(path, request));
}

/** The arguments by the rules of pluginrpc. Throws when one is unknown, or the format is another than binary. */
function read(args: readonly string[]): { readonly flags: ReadonlySet<string>; readonly rest: readonly string[] } {
  const flags = new Set<string>();
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string;
    const [name, given] = arg.split("=", 2) as [string, string | undefined];
    if (name === "--format") {
      const format = given ?? args[++at];
      if (format !== "binary") throw new Error(`--format ${format ?? ""}: only binary is there`);
    } else if (/^(?:--(?:protocol|spec|help|version)|-h)$/.test(arg)) flags.add(arg === "-h" ? "help" : arg.slice(2));
    else if (arg.startsWith("-") || rest.length > 0) throw new Error(`unknown argument ${arg}; try --help`);
    else rest.push(arg);
  }
  return { flags, rest };
}

/** Reads at once where the system lets it: a stream would take longer to set up. */
async function stdin(): Promise<Uint8Array> {
  try {
    return readFileSync(0);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EOF") return new Uint8Array();
    if (code !== "EAGAIN") throw error;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function print(output: string | Uint8Array): void {
  process.stdout.write(output);
}

function fail(text: string): void {
  console.error(`buf-plugin-mesh: ${text}`);
  process.exitCode = 1;
}

const help = () => `buf-plugin-mesh ${manifest.version}
Checks the options of mesh.v1 in .proto files. Run by buf lint and buf breaking:

  # buf.yaml
  version: v2
  plugins:
    - plugin: node_modules/.bin/buf-plugin-mesh
  lint:
    use: [STANDARD, MESH]
  breaking:
    use: [FILE, MESH]

Rules: buf config ls-lint-rules. Options of the plugin:
  unannotated: post               as given to protoc-gen-mesh
  grpc_api_configuration: <path>  as given to protoc-gen-mesh; a list for several
`;

main(process.argv.slice(2)).catch((error: unknown) => fail(error instanceof Error ? error.message : String(error)));
