import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { importPaths, root, runProtoc } from "../../plugin/test/compile.ts";
import { detail, ErrorInfo, implement, RetryInfo, RpcError, reflectionSpec } from "../../runtime/src/index.ts";
import { reflectionServices } from "../../runtime/src/services/reflection.ts";
import { Depot } from "../../runtime/test/depot/depot_mesh.ts";
import { keeper } from "../../runtime/test/keeper.ts";
import { Dish } from "../../runtime/test/kitchen/kitchen.ts";
import { Kitchen } from "../../runtime/test/kitchen/kitchen_mesh.ts";
import type { KitchenMethods } from "../../runtime/test/over-grpc.ts";
import { kitchenWith, start } from "../../runtime/test/serving.ts";
import { type Bundle, bundle } from "../test/bundle.ts";
import { runs, talk } from "../test/talk.ts";

let command: Bundle;
const work = mkdtempSync(join(tmpdir(), "mesh-call-"));
const kitchen = "test.kitchen.v1.Kitchen";

beforeAll(() => {
  command = bundle();
  const paths = [join(root, "runtime/test"), ...importPaths].map((path) => `-I${path}`);
  const image = join(work, "image.binpb");
  runProtoc([...paths, "--include_imports", `--descriptor_set_out=${image}`, "kitchen/kitchen.proto"]);
}, 60_000);

afterAll(() => {
  command.remove();
  rmSync(work, { recursive: true });
});

const call = (...args: string[]) => runs(command, work, ["call", ...args]);

/** A kitchen with reflection; its address. */
async function serving(changes: Partial<KitchenMethods> = {}, reflection = true): Promise<string> {
  const services = [kitchenWith(changes), implement(Depot, keeper)];
  const { grpc } = await start({ grpc: "127.0.0.1:0", services, reflection });
  return `127.0.0.1:${grpc?.port}`;
}

test("JSON in, JSON out, by reflection", async () => {
  const at = await serving({ getDish: ({ name, id }) => Dish.create({ name, id, labels: { a: "b" } }) });
  const { status, stdout, stderr } = await call(at, `${kitchen}/GetDish`, '{"name":"tea","id":"9007199254740993"}');
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toBe('{\n  "name": "tea",\n  "id": "9007199254740993",\n  "labels": {\n    "a": "b"\n  }\n}\n');
});

test("a request is an argument, a flag, a file, the standard input, or nothing; the method may have a dot", async () => {
  const at = await serving();
  writeFileSync(join(work, "request.json"), '\n{\n "name": "file" }\n');
  const names = await Promise.all([
    call(at, `${kitchen}.GetDish`, '{"name":"argument"}'),
    call(at, `${kitchen}/GetDish`, "-d", '{"name":"flag"}'),
    call(at, `${kitchen}/GetDish`, "@request.json"),
    runs(command, work, ["call", at, `${kitchen}/GetDish`, "-"], '{"name":"stdin"}'),
    runs(command, work, ["call", at, `${kitchen}/GetDish`, "-d", "@-"], ""),
    call(at, `/${kitchen}/GetDish`, "--emit-defaults"),
  ]);
  expect(names.map(({ stdout }) => JSON.parse(stdout).name)).toEqual([
    "argument",
    "flag",
    "file",
    "stdin",
    undefined,
    "",
  ]);
});

test("streams are JSON lines, both ways", async () => {
  const at = await serving();
  expect((await call(at, `${kitchen}/WatchDishes`, '{"count":2}')).stdout).toBe('{"id":"1"}\n{"id":"2"}\n');
  expect((await call(at, `${kitchen}/UploadDishes`, '{"id":1}\n\n{"id":2}\n')).stdout).toBe('{\n  "count": 2\n}\n');
  expect((await call(at, `${kitchen}/UploadDishes`, '{\n"id":\n1}')).stdout).toBe('{\n  "count": 1\n}\n');
  expect((await call(at, `${kitchen}/UploadDishes`)).stdout).toBe("{}\n");
});

test("a large reply is printed, and a reader that has seen enough ends the command", async () => {
  const at = await serving({ getDish: () => Dish.create({ photo: Buffer.alloc(5 << 20) }) });
  const { status, stdout } = await call(at, `${kitchen}/GetDish`, '{"name":"9007199254740993"}');
  expect([status, stdout.length > 5 << 20]).toEqual([0, true]);
  const { child, said, ended } = talk(command, work, ["call", at, `${kitchen}/WatchDishes`, '{"count":1000000}']);
  await said(/\n/);
  child.stdout?.destroy();
  expect(await ended).toMatchObject({ status: 0, stderr: "" });
});

test("lines of the standard input are sent as they come", async () => {
  const { child, said, ended } = talk(command, work, ["call", await serving(), `${kitchen}/Chat`, "-"]);
  child.stdin?.write('{"text":"one"}\n');
  expect(await said(/.*one.*\n/)).toBe('{"text":"one"}\n');
  child.stdin?.write('{"text":"two"}\n');
  await said(/two/);
  child.stdin?.end();
  expect(await ended).toEqual({ status: 0, stdout: '{"text":"one"}\n{"text":"two"}\n', stderr: "" });
});

test("a stream that the server ends ends the command, although the input goes on", async () => {
  const changes: Partial<KitchenMethods> = {
    async *chat(notes) {
      for await (const note of notes) {
        yield note;
        throw new RpcError("ABORTED", "enough");
      }
    },
  };
  const { child, ended } = talk(command, work, ["call", await serving(changes), `${kitchen}/Chat`, "-"]);
  child.stdin?.write('{"text":"one"}\n');
  expect(await ended).toEqual({ status: 74, stdout: '{"text":"one"}\n', stderr: "ABORTED (10): enough\n" });
});

test("a failed call prints code, text and details, and ends with 64 and the code", async () => {
  const details = [
    detail(ErrorInfo, { reason: "GONE", domain: "kitchen", metadata: { shelf: "3" } }),
    detail(RetryInfo, { retryDelay: { seconds: 2n } }),
    { type: "test.kitchen.v1.Note", value: Uint8Array.of(10, 2, 104, 105) },
    { type: "nobody.knows.This", value: Uint8Array.of(1, 2, 3) },
    { type: "google.rpc.BadRequest", value: Uint8Array.of(255) },
  ];
  const at = await serving({
    async getDish() {
      throw new RpcError("NOT_FOUND", "no such dish", { details });
    },
  });
  expect(await call(at, `${kitchen}/GetDish`)).toEqual({
    status: 69,
    stdout: "",
    stderr: `NOT_FOUND (5): no such dish
  google.rpc.ErrorInfo {"reason":"GONE","domain":"kitchen","metadata":{"shelf":"3"}}
  google.rpc.RetryInfo {"retryDelay":"2s"}
  test.kitchen.v1.Note {"text":"hi"}
  nobody.knows.This (3 bytes) AQID
  google.rpc.BadRequest (1 bytes) /w==
`,
  });
});

test("what a server says does nothing to the terminal", async () => {
  const at = await serving({
    async getDish() {
      throw new RpcError("NOT_FOUND", "two\nlines \u001b]0;title\u0007 \u009b31m \rover ü");
    },
  });
  const { stderr } = await call(at, `${kitchen}/GetDish`);
  expect(stderr).toBe("NOT_FOUND (5): two\nlines \\x1b]0;title\\x07 \\x9b31m \\x0dover ü\n");
});

test("metadata goes out, by the command line and by a file, and comes back with -v", async () => {
  let seen: [string, unknown][] = [];
  const at = await serving({
    async getDish(_, context) {
      seen = [...context.requestMetadata].filter(([key]) => key.startsWith("x-")) as [string, unknown][];
      context.responseHeaders.set("x-cook", "ada");
      context.responseTrailers.set("x-bin", Uint8Array.of(1, 2));
      return Dish.create();
    },
  });
  writeFileSync(join(work, "headers.txt"), "# secrets\nx-token: s3cr3t\n\n");
  const { status, stderr } = await call(
    at,
    `${kitchen}/GetDish`,
    ...["-H", "X-One: a:b", "-H", "x-two-bin: AQI=", "-H", "@headers.txt", "-v"],
  );
  expect(status).toBe(0);
  expect(seen).toEqual([
    ["x-one", "a:b"],
    ["x-two-bin", Buffer.from([1, 2])],
    ["x-token", "s3cr3t"],
  ]);
  expect(stderr).toMatch(/^header x-cook: ada$/m);
  expect(stderr).toMatch(/^trailer x-bin: AQI=$/m);
  expect(stderr).not.toContain("s3cr3t");
});

test("descriptors take the place of reflection: a set, or proto files", async () => {
  const at = await serving({}, false);
  expect(await call(at, `${kitchen}/GetDish`)).toMatchObject({
    status: 1,
    stderr: `protomesh: ${at} has no reflection: give --descriptor or --input\n`,
  });
  const args = [at, `${kitchen}/GetDish`, '{"name":"tea"}'];
  expect(JSON.parse((await call(...args, "--descriptor", "image.binpb")).stdout)).toEqual({ name: "tea" });
  const proto = `syntax = "proto3"; package test.kitchen.v1;
    service Kitchen { rpc GetDish(Wanted) returns (Wanted); } message Wanted { string name = 1; }`;
  const folder = mkdtempSync(join(work, "proto-"));
  writeFileSync(join(folder, "kitchen.proto"), proto);
  const { stdout, stderr } = await runs(command, root, ["call", ...args, "--input", folder]);
  expect([stdout, stderr]).toEqual(['{\n  "name": "tea"\n}\n', ""]);
});

test("a server that speaks v1alpha only, and one that sends a file at a time, are understood", async () => {
  const [v1, alpha] = reflectionServices([Kitchen]);
  const old = await start({ grpc: "127.0.0.1:0", services: [kitchenWith(), alpha as NonNullable<typeof alpha>] });
  expect((await call(`127.0.0.1:${old.grpc?.port}`, `${kitchen}/GetDish`, '{"id":1}')).stdout).toContain('"id": "1"');
  expect(v1).toBeDefined();

  const set = fromBinary(FileDescriptorSetSchema, Buffer.from(Kitchen.descriptors, "base64"));
  const answer = (file: FileDescriptorProto | undefined, error: string) =>
    file
      ? {
          case: "fileDescriptorResponse" as const,
          value: {
            $typeName: "grpc.reflection.v1.FileDescriptorResponse" as const,
            fileDescriptorProto: [toBinary(FileDescriptorProtoSchema, create(FileDescriptorProtoSchema, file))],
          },
        }
      : {
          case: "errorResponse" as const,
          value: { $typeName: "grpc.reflection.v1.ErrorResponse" as const, errorCode: 5, errorMessage: error },
        };
  const single = (named: (file: FileDescriptorProto, name: string) => boolean) =>
    implement(reflectionSpec("v1"), {
      async *serverReflectionInfo(requests) {
        for await (const request of requests) {
          const { case: kind, value } = request.messageRequest;
          const file = set.file.find((one) =>
            kind === "fileByFilename"
              ? named(one, value)
              : one.service.some(({ name }) => value === `test.kitchen.v1.${name}`),
          );
          yield {
            $typeName: "grpc.reflection.v1.ServerReflectionResponse" as const,
            validHost: "",
            originalRequest: request,
            messageResponse: answer(file, "none"),
          };
          return;
        }
      },
    });
  const called = async (named: (file: FileDescriptorProto, name: string) => boolean) => {
    const { grpc } = await start({ grpc: "127.0.0.1:0", services: [kitchenWith(), single(named)] });
    return call(`127.0.0.1:${grpc?.port}`, `${kitchen}/GetDish`, '{"id":1}');
  };
  expect((await called(({ name }, wanted) => name === wanted)).stdout).toContain('"id": "1"');
  // Asked for a file, it answers with another one.
  for (const file of set.file) file.dependency.push("odd.proto");
  expect(await called(({ service }) => service.length > 0)).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(
      /^protomesh: 127\.0\.0\.1:\d+ does not describe \S+\.proto, which \S+ imports: give --descriptor\n$/,
    ),
  });
});

test("--list shows services and methods", async () => {
  const at = await serving();
  const { status, stdout } = await call(at, "--list");
  expect(status).toBe(0);
  expect(stdout).toMatch(
    /^test\.depot\.v1\.Depot\n {2}Find\(test\.depot\.v1\.FindRequest\) returns \(test\.depot\.v1\.Parcel\)$/m,
  );
  expect(stdout).toMatch(/^ {2}Chat\(stream test\.kitchen\.v1\.Note\) returns \(stream test\.kitchen\.v1\.Note\)$/m);
  expect(stdout).toMatch(/^grpc\.health\.v1\.Health$/m);
  const one = await call(at, "--list", kitchen);
  expect(one.stdout).toMatch(/^test\.kitchen\.v1\.Kitchen\n {2}GetDish\(/);
  expect(one.stdout).not.toContain("Depot");
});

test("TLS by files, and by default to other machines", async () => {
  const file = (name: string) => join(root, "runtime/test/tls", name);
  const tls = { cert: file("server.pem"), key: file("server.key"), ca: file("ca.pem") };
  const secure = await start({ grpc: { address: "127.0.0.1:0" }, tls, reflection: true });
  const at = `127.0.0.1:${secure.grpc?.port}`;
  const waiter = ["--ca", file("ca.pem"), "--cert", file("waiter.pem"), "--key", file("waiter.key")];
  expect((await call(at, `${kitchen}/GetDish`, '{"id":1}', ...waiter)).stdout).toContain('"id": "1"');
  expect((await call(at, `${kitchen}/GetDish`, "--ca", file("ca.pem"))).status).toBe(78);
  expect((await call(at, `${kitchen}/GetDish`, "--tls")).stderr).toMatch(/^UNAVAILABLE \(14\): .*certificate/);

  const { port } = (await start({ grpc: "127.0.0.1:0", reflection: true })).grpc as { port: number };
  const elsewhere = `[::ffff:127.0.0.1]:${port}`;
  expect((await call(elsewhere, `${kitchen}/GetDish`)).status).toBe(78);
  expect((await call(elsewhere, `${kitchen}/GetDish`, "--plaintext")).status).toBe(0);
});

test("a call that is not answered ends by --timeout", async () => {
  const at = await serving({ getDish: () => new Promise(() => {}) });
  const { status, stderr } = await call(at, `${kitchen}/GetDish`, "--timeout", "300ms");
  expect([status, stderr]).toEqual([68, expect.stringMatching(/^DEADLINE_EXCEEDED \(4\)/)]);
});

test("what is wrong is said with what there is, and never with a value", async () => {
  const at = await serving();
  const rows: [string[], number, RegExp][] = [
    [
      [at, "test.kitchen.v1.Kitchn/GetDish"],
      1,
      /has no service test\.kitchen\.v1\.Kitchn; it has: .*test\.kitchen\.v1\.Kitchen/,
    ],
    [[at, `${kitchen}/GetDihs`], 1, /Kitchen has no method GetDihs; it has: GetDish, CreateDish/],
    [[at, "GetDish"], 2, /GetDish is no method: write pkg\.Service\/Method/],
    [[at], 2, /<method> is missing/],
    [[at, `${kitchen}/GetDish`, "s3cr3t"], 2, /the request is not JSON/],
    [
      [at, `${kitchen}/GetDish`, '"s3cr3t"'],
      2,
      /the request is not a test\.kitchen\.v1\.GetDishRequest: cannot decode message/,
    ],
    [
      [at, `${kitchen}/GetDish`, '{"id":"s3cr3t"}'],
      2,
      /GetDishRequest\.id from JSON: expected bigint \(int64\)|id.*int64/,
    ],
    [[at, `${kitchen}/GetDish`, '{"withRecipe":"s3cr3t"}'], 2, /GetDishRequest\.with_recipe.*bool/],
    [[at, `${kitchen}/CreateDish`, '{"dish":{"spice":"s3cr3t"}}'], 2, /Spice from JSON/],
    [[at, `${kitchen}/GetDish`, '{"id":9007199254740993}'], 2, /an integer beyond 2\^53.*write it in quotes/],
    [[at, `${kitchen}/Ping`, '{"nmae":1}'], 2, /key "nmae" is unknown/],
    [[at, `${kitchen}/When`, "{}"], 1, /no method When/],
    [[at, "test.depot.v1.Depot/When", '"s3cr3t"'], 2, /Timestamp/],
    [[at, `${kitchen}/UploadDishes`, '{"id":1}\n{"id":s3cr3t}'], 2, /line 2 of the requests is not JSON/],
    [[at, `${kitchen}/GetDish`, "@none.json"], 2, /none\.json cannot be read \(ENOENT\)/],
    [[at, `${kitchen}/GetDish`, "{}", "-d", "{}"], 2, /<json> and --data are the same/],
    [[at, `${kitchen}/GetDish`, "-H", "s3cr3t"], 2, /--header has no colon/],
    [[at, `${kitchen}/GetDish`, "-H", "x-a: s3cr3t\u00e4"], 2, /metadata key "x-a": the value has characters outside/],
    [[at, `${kitchen}/GetDish`, "-H", "x-bin: s3cr3t!"], 2, /x-bin ends in -bin: write its value in base64/],
    [
      [at, `${kitchen}/GetDish`, "-H", "authorization:", "Bearer", "s3cr3t"],
      2,
      /an argument after <address> <method> <json>: put quotes around what has spaces/,
    ],
    [[at, `${kitchen}/GetDish`, "-H", "@none.txt"], 2, /none\.txt cannot be read/],
    [[at, `${kitchen}/GetDish`, "--timeout", "soon"], 2, /--timeout soon is no duration/],
    [[at, `${kitchen}/GetDish`, "--timeout", "0"], 2, /--timeout 0 leaves no time/],
    [[at, `${kitchen}/GetDish`, "--plaintext", "--ca", "x"], 2, /--plaintext and --ca contradict/],
    [[at, `${kitchen}/GetDish`, "--ca", "none.pem"], 2, /tls\.ca names none\.pem/],
    [[at, `${kitchen}/GetDish`, "--descriptor", "a.binpb", "--input", "b"], 2, /--descriptor and --input contradict/],
    [[at, `${kitchen}/GetDish`, "--descriptor", "request.txt"], 1, /request\.txt is no descriptor set/],
    [["http://x:1", "a.B/C"], 2, /http:\/\/x:1.*write host:port without http/],
    [["localhost", "a.B/C"], 2, /localhost.*must be host:port/],
    [["127.0.0.1:1", "a.B/C"], 78, /^UNAVAILABLE \(14\): 127\.0\.0\.1:1/],
  ];
  writeFileSync(join(work, "request.txt"), "nonsense");
  for (const [args, code, text] of rows) {
    const { status, stdout, stderr } = await call(...args);
    expect([args, status, stdout, stderr]).toEqual([args, code, "", expect.stringMatching(text)]);
    expect(stderr).not.toMatch(/s3cr3t|\n\s+at /);
  }
}, 120_000);
