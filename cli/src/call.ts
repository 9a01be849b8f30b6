import type { DescMessage, DescMethod, DescService, FileRegistry } from "@bufbuild/protobuf";
import {
  type CallOptions,
  createClient,
  defineService,
  esCodec,
  type Metadata,
  type MethodKind,
  RpcError,
  type ServiceSpec,
  type Target,
} from "@protomesh/runtime";
import { type Command, type Given, UsageError } from "./command.ts";
import { addressOperand, connectionFlags, connectionNotes, connectTo, metadataOf } from "./connection.ts";
import { durationOf } from "./duration.ts";
import { describeFailure, exitCodeOf } from "./failure.ts";
import { printReply } from "./replies.ts";
import { requestOf, requestsOf, type Source } from "./requests.ts";
import { findService, type Schema, schemaOf } from "./schema.ts";

/** Calls a method once, as it is: no policy of a proto file applies. */
export const call: Command = {
  summary: "Calls a gRPC method: JSON in, JSON out, by the server's reflection or by descriptors.",
  examples: [
    `protomesh call localhost:50051 shop.v1.Inventory/GetStock '{"item":"tea"}'`,
    "protomesh call localhost:50051 --list",
    "protomesh call users:443 users.v1.Users/Get -d @request.json -H @token.txt --timeout 2s -v",
    "protomesh call localhost:50051 chat.v1.Chat/Talk - --input proto < lines.ndjson",
  ],
  operands: [
    addressOperand,
    { name: "method", text: "pkg.Service/Method; with --list a service", optional: true },
    { name: "json", text: "the request; @file, or - for the standard input; default {}", optional: true },
  ],
  flags: [
    { name: "data", short: "d", value: "json", text: "the same as <json>" },
    { name: "list", text: "lists services and methods" },
    { name: "descriptor", value: "file", text: "a descriptor set, in place of reflection" },
    { name: "input", value: "folder", text: "proto files that buf builds, in place of reflection" },
    ...connectionFlags,
    { name: "timeout", value: "duration", text: "such as 500ms, 2s, 1m; default none, but 5s to connect" },
    { name: "emit-defaults", text: "prints fields that have no value, too" },
    { name: "verbose", short: "v", text: "shows headers and trailers of the reply, on stderr" },
  ],
  notes: `A method that takes a stream takes JSON lines, and those of the standard input are sent as they come; one that replies by a
stream prints JSON lines. Policies of proto files do not apply: a call is sent once.

${connectionNotes}

Exit codes, as grpcurl has them:
  0       OK
  1       something else failed, such as a method that is not there
  2       the command line or the request is wrong
  64 + n  the call failed with gRPC code n, such as 69 for NOT_FOUND (5) and 78 for UNAVAILABLE (14)`,
  async run(given) {
    const [address = "", name, json] = given.operands;
    const data = given.one("data");
    if (json !== undefined && data !== undefined) throw new UsageError("<json> and --data are the same: keep one");
    if (name === undefined && !given.has("list"))
      throw new UsageError("<method> is missing: write pkg.Service/Method, or see what there is by --list");
    // Whoever reads may have seen enough.
    process.stdout.on("error", () => process.exit(0));
    const options = { metadata: metadataOf(given), timeoutMs: durationOf(given, "timeout") };
    if (options.timeoutMs === 0) throw new UsageError("--timeout 0 leaves no time: write 2s, or leave it out");
    const target = connectTo(address, given);
    const schema = schemaOf(given, target, options);
    try {
      if (given.has("list")) await list(schema, name);
      else await send(given, target, schema, options, splitName(name as string), json ?? data);
      return 0;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      const typeOf = async (type: string) => (await schema.load(type))?.getMessage(type);
      console.error(await describeFailure(error, typeOf));
      return exitCodeOf(error);
    } finally {
      // The call may end before the input does; reading on would keep the command running.
      process.stdin.destroy();
      await target.close();
    }
  },
};

/** Services with their methods as proto files write them. */
async function list(schema: Schema, only: string | undefined): Promise<void> {
  for (const name of only === undefined ? await schema.services() : [only]) {
    const { service } = await findService(schema, name);
    console.log(name);
    for (const { name, methodKind, input, output } of service.methods) {
      const [takes, gives] = [/client|bidi/, /server|bidi/].map((kind) => (kind.test(methodKind) ? "stream " : ""));
      console.log(`  ${name}(${takes}${input.typeName}) returns (${gives}${output.typeName})`);
    }
  }
}

/** `pkg.Service/Method`, or with a dot. */
function splitName(given: string): readonly [service: string, method: string] {
  const [, service, method] = /^\/?([\w.]+)[/.](\w+)$/.exec(given) ?? [];
  if (service === undefined || method === undefined)
    throw new UsageError(`${given} is no method: write pkg.Service/Method`);
  return [service, method];
}

const kinds: { readonly [Kind in DescMethod["methodKind"]]: MethodKind } = {
  unary: "unary",
  server_streaming: "serverStream",
  client_streaming: "clientStream",
  bidi_streaming: "bidi",
};

interface Sent {
  send(request: unknown, options: CallOptions): unknown;
}

/** The service with this one method, without its policies. */
const specOf = (service: DescService, { name, methodKind, input, output }: DescMethod): ServiceSpec<Sent> =>
  defineService<Sent>({
    format: 1,
    name: service.typeName,
    descriptors: "",
    methods: { send: { name, kind: kinds[methodKind], request: esCodec(input), reply: esCodec(output) } },
  });

async function send(
  given: Given,
  target: Target,
  schema: Schema,
  callOptions: CallOptions,
  [serviceName, name]: readonly [string, string],
  source: Source,
): Promise<void> {
  const { service, registry } = await findService(schema, serviceName);
  const method = service.methods.find((one) => one.name === name);
  if (!method) {
    const names = service.methods.map((one) => one.name).join(", ");
    throw new Error(`${serviceName} has no method ${name}; it has: ${names}`);
  }
  const { methodKind, input, output } = method;
  const verbose = given.has("verbose");
  const options: CallOptions = {
    ...callOptions,
    ...(verbose && { onHeaders: show("header"), onTrailers: show("trailer") }),
  };
  const client = createClient(specOf(service, method), target);
  const streams = methodKind === "client_streaming" || methodKind === "bidi_streaming";
  const requests = streams ? failing(source, input, registry) : undefined;
  const request = requests ? requests.all : await requestOf(source, input, registry);
  const printing = { schema, registry, defaults: given.has("emit-defaults") };
  try {
    const reply = client.send(request, options);
    if (methodKind === "unary" || methodKind === "client_streaming")
      await printReply(await reply, output, { ...printing, indent: true });
    else
      for await (const one of reply as AsyncIterable<unknown>)
        await printReply(one, output, { ...printing, indent: false });
  } catch (error) {
    throw requests?.error() ?? error;
  }
}

/** The requests of a stream, and what was wrong with one of them: the call itself only says that it was given up. */
function failing(source: Source, type: DescMessage, registry: FileRegistry) {
  let failure: unknown;
  async function* all() {
    try {
      yield* requestsOf(source, type, registry);
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  return { all: all(), error: () => failure };
}

const show = (what: string) => (metadata: Metadata) => {
  for (const [key, value] of metadata)
    console.error(`${what} ${key}: ${typeof value === "string" ? value : Buffer.from(value).toString("base64")}`);
};
