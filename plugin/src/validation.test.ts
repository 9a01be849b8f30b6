/** Rules in a proto file, through generated code, to what a caller is told: over sockets, and layers alone. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { create, type DescMessage, fromJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createClient } from "../../runtime/src/client.ts";
import type { RpcError } from "../../runtime/src/core/error.ts";
import { siteFactory } from "../../runtime/src/core/site.ts";
import type { MethodSpec, ServiceSpec } from "../../runtime/src/core/spec.ts";
import { connect } from "../../runtime/src/grpc/connect.ts";
import { inProcess } from "../../runtime/src/in-process.ts";
import { esCodec } from "../../runtime/src/messages/codec.ts";
import { registryOf } from "../../runtime/src/messages/descriptors.ts";
import { BadRequest } from "../../runtime/src/messages/details.ts";
import { findDetail } from "../../runtime/src/messages/status.ts";
import { compileCheck } from "../../runtime/src/policies/validation/check.ts";
import { loadProtovalidate } from "../../runtime/src/policies/validation/library.ts";
import { validation } from "../../runtime/src/policies/validation.ts";
import { serve } from "../../runtime/src/serve/serve.ts";
import { implement } from "../../runtime/src/server.ts";
import { decisionsOf } from "../../runtime/test/decisions.ts";
import { generate, type Outcome } from "../test/compile.ts";
import { generated } from "../test/generated.ts";

const rules = {
  "rules.proto": `syntax = "proto2"; package rules; import "buf/validate/validate.proto";
    extend buf.validate.StringRules {
      optional bool shouted = 80048954 [(buf.validate.predefined).cel = {
        id: "string.shouted" message: "must be in capitals" expression: "!rule || this.matches('^[A-Z]*$')" }];
    }`,
  "lines.proto": `syntax = "proto3"; package shop; import "buf/validate/validate.proto"; import "rules.proto";
    message Line {
      string item = 1 [(buf.validate.field).string = { min_len: 2 max_len: 20 }];
      int32 count = 2 [(buf.validate.field).int32.gt = 0];
      string code = 3 [(buf.validate.field).string.(rules.shouted) = true];
      Order inside = 4;
    }
    message Order {
      string id = 1;
      repeated Line lines = 2 [(buf.validate.field).repeated.max_items = 100];
      map<string, int32> labels = 3 [(buf.validate.field).map = {
        keys: { string: { min_len: 2 } } values: { int32: { gte: 0 } } }];
      string hour = 4 [(buf.validate.field).cel = {
        id: "hour" message: "is no hour" expression: "this == '' || int(this) < 24" }];
    }`,
  "shop.proto": `syntax = "proto3"; package shop; import "lines.proto"; import "google/api/annotations.proto";
    import "mesh/v1/options.proto";
    service Shop {
      option (mesh.v1.service) = { auth: { access: PUBLIC } };
      rpc Place(Order) returns (Order) { option (google.api.http) = { post: "/v1/orders" body: "*" }; }
      rpc Add(stream Line) returns (Order);
      rpc Talk(stream Line) returns (stream Line);
      rpc Watch(Order) returns (stream Order);
      rpc Import(Order) returns (Order) { option (mesh.v1.method) = { off: VALIDATION }; }
    }`,
};

type Message = { readonly [field: string]: unknown };
interface Shop {
  place(order: Message): Promise<Message>;
  add(lines: AsyncIterable<Message>): Promise<Message>;
  talk(lines: AsyncIterable<Message>): AsyncIterable<Message>;
  watch(order: Message): AsyncIterable<Message>;
  import(order: Message): Promise<Message>;
}

const violationsOf = (error: unknown) =>
  findDetail(error, BadRequest)?.fieldViolations.map(({ field, description, reason }) => [field, description, reason]);

const failure = (call: Promise<unknown>): Promise<RpcError> =>
  call.then(
    () => expect.unreachable(),
    (error) => error,
  );

const echo = async (one: Message) => one;

async function drain(stream: AsyncIterable<unknown>): Promise<number> {
  let read = 0;
  for await (const _ of stream) read++;
  return read;
}

describe.each(["ts-proto", "protobuf-es"] as const)("%s", (by) => {
  let Spec: ServiceSpec<Shop>;
  let make: (type: string, fields: Message) => Message;

  beforeAll(async () => {
    const [messages, suffix] = by === "ts-proto" ? ["lines", ""] : ["lines_pb", "Schema"];
    const modules = await generated(rules, by, ["shop_mesh", messages as string]);
    Spec = modules.shop_mesh?.Shop as ServiceSpec<Shop>;
    make = (type, fields) => {
      const one = modules[messages as string]?.[`${type}${suffix}`];
      if (by === "protobuf-es") return create(one as DescMessage, fields as never);
      return (one as { fromPartial(fields: Message): Message }).fromPartial(fields);
    };
  }, 60_000);

  const order = (fields: Message = {}) => make("Order", { id: "1", lines: [line()], ...fields });
  const line = (fields: Message = {}) => make("Line", { item: "tea", count: 1, ...fields });

  async function* linesOf(...counts: number[]) {
    for (const count of counts) yield line({ count });
  }

  const here = () =>
    inProcess(implement(Spec, { place: echo, add: echo, talk: echo, watch: echo, import: echo } as never), {
      onError: () => {},
    });

  /** A shop that echoes, behind both doors. */
  async function shop(changes: Partial<Shop> = {}) {
    const errors: unknown[] = [];
    const seen: unknown[] = [];
    const own: Shop = {
      async place(one) {
        seen.push(one);
        return one;
      },
      async add(lines) {
        for await (const one of lines) seen.push(one);
        return order();
      },
      async *talk(lines) {
        for await (const one of lines) yield one;
      },
      async *watch(one) {
        yield one;
      },
      async import(one) {
        return one;
      },
      ...changes,
    };
    const server = await serve({
      services: [implement(Spec, own)],
      grpc: "127.0.0.1:0",
      http: "127.0.0.1:0",
      signals: false,
      onError: (error) => void errors.push(error),
    });
    const target = connect(`127.0.0.1:${server.grpc?.port}`);
    onTestFinished(async () => {
      await target.close();
      await server.stop({ force: true });
    });
    return { client: createClient(Spec, target), url: server.http?.url, errors, seen };
  }

  test("a good request passes; of a wrong one the caller learns every fault, and no value", async () => {
    const { client, seen } = await shop();
    expect(await client.place(order())).toMatchObject({ id: "1" });
    const wrong = order({
      lines: [
        line(),
        line({ item: "x", count: -7, code: "Secret" }),
        line({ inside: order({ lines: [line({ item: "y" })] }) }),
      ],
      labels: { k: 1, good: -5 },
    });
    const error = await failure(client.place(wrong));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", refusedBy: undefined, origin: "peer" });
    expect(error.text).toBe("/shop.Shop/Place: lines[1].item: must be at least 2 characters, and 5 more");
    expect(violationsOf(error)).toEqual([
      ["lines[1].item", "must be at least 2 characters", "string.min_len"],
      ["lines[1].count", "must be greater than 0", "int32.gt"],
      ["lines[1].code", "must be in capitals", "string.shouted"],
      ["labels[]", "map key: must be at least 2 characters", "string.min_len"],
      ["labels[]", "must be greater than or equal to 0", "int32.gte"],
      ["lines[2].inside.lines[0].item", "must be at least 2 characters", "string.min_len"],
    ]);
    const told = error.text + error.details.map(({ value }) => Buffer.from(value).toString("latin1"));
    for (const value of ["Secret", "-7", "-5", "good"]) expect(told).not.toContain(value);
    expect(seen).toHaveLength(1);
  });

  test("a request over HTTP is a 400 with the same details", async () => {
    const { url, seen } = await shop();
    const post = (body: object) =>
      fetch(`${url}/v1/orders`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    const good = await post({ id: "1", lines: [{ item: "tea", count: 1 }] });
    expect(good.status).toBe(200);
    const response = await post({ id: "1", lines: [{ item: "tea", count: 0 }] });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: 3,
      message: "/shop.Shop/Place: lines[0].count: must be greater than 0",
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.BadRequest",
          fieldViolations: [{ field: "lines[0].count", reason: "int32.gt" }],
        },
      ],
    });
    expect(seen).toHaveLength(1);
  });

  test("a stream of requests passes up to the message that is wrong, which ends the call", async () => {
    const { client, seen } = await shop();
    expect(await client.add(linesOf(1, 2))).toMatchObject({ id: "1" });
    const error = await failure(client.add(linesOf(1, 0, 3)));
    expect(violationsOf(error)).toEqual([["count", "must be greater than 0", "int32.gt"]]);
    expect(seen).toHaveLength(3);
  });

  test("the call ends, even when the implementation makes light of it", async () => {
    const { client } = await shop({
      async add(lines) {
        await drain(lines).catch(() => {});
        return order();
      },
      async *talk(lines) {
        yield line();
        await drain(lines).catch(() => {});
        yield line();
        yield line();
      },
    });
    expect(await failure(client.add(linesOf(0)))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await failure(drain(client.talk(linesOf(0))))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  test("in both directions: what was read before the wrong message is answered", async () => {
    const { client } = await shop();
    expect(await drain(client.talk(linesOf(1, 2, 3)))).toBe(3);
    const replies = client.talk(linesOf(1, 0))[Symbol.asyncIterator]();
    expect((await replies.next()).value).toMatchObject({ count: 1 });
    expect(await failure(replies.next())).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await failure(drain(client.watch(order({ labels: { x: 1 } }))))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  test("a rule that cannot be evaluated allows nothing: INTERNAL, reported", async () => {
    const { client, seen, errors } = await shop();
    const error = await failure(client.place(order({ hour: "noon" })));
    expect(error).toMatchObject({ code: "INTERNAL", text: expect.stringMatching(/^internal error [\w-]+$/) });
    expect(String(errors[0])).toContain("/shop.Shop/Place: a validation rule of shop.Order could not be evaluated");
    expect(inspect(errors[0])).not.toContain("noon");
    expect(seen).toEqual([]);
    expect(violationsOf(await failure(client.place(order({ hour: "25" }))))).toEqual([["hour", "is no hour", "hour"]]);
  });

  test("off: VALIDATION lets everything pass", async () => {
    const { client } = await shop();
    expect(await client.import(order({ labels: { x: 1 } }))).toMatchObject({ id: "1" });
  });

  test("of many faults the first 16 are named, and all are counted", async () => {
    const { client } = await shop();
    const error = await failure(client.place(order({ lines: Array.from({ length: 90 }, () => line({ count: 0 })) })));
    expect(violationsOf(error)).toHaveLength(16);
    expect(error.text).toMatch(/, and 89 more$/);
  });

  test("however deep and often a message leads back to itself, each fault is found once, and no other", async () => {
    const client = createClient(Spec, here());
    interface Tree {
      readonly wrong: boolean;
      readonly below: readonly Tree[];
    }
    const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
      tree: fc.record({
        wrong: fc.boolean(),
        below: fc.oneof({ maxDepth: 6 }, fc.constant([]), fc.array(tie("tree"), { maxLength: 3 })),
      }),
    }));
    const orderOf = (lines: readonly Tree[]): Message => make("Order", { lines: lines.map(lineOf) });
    const lineOf = ({ wrong, below }: Tree): Message =>
      line({ count: wrong ? 0 : 1, ...(below.length > 0 && { inside: orderOf(below) }) });
    const faults = (lines: readonly Tree[], path = ""): string[] =>
      lines.flatMap(({ wrong, below }, index) => [
        ...(wrong ? [`${path}lines[${index}].count`] : []),
        ...faults(below, `${path}lines[${index}].inside.`),
      ]);
    await fc.assert(
      fc.asyncProperty(fc.array(tree, { maxLength: 3 }), async (trees) => {
        const expected = faults(trees);
        const error = await client.place(orderOf(trees)).then(
          () => undefined,
          (error) => error,
        );
        if (expected.length === 0) expect(error).toBeUndefined();
        else if (expected.length > 16) expect(error.text).toContain(`, and ${expected.length - 1} more`);
        else
          expect(
            violationsOf(error)
              ?.map(([field]) => field)
              .sort(),
          ).toEqual(expected.sort());
      }),
    );
  });

  test("in this process a refusal says whose it is, and decisions are published", async () => {
    const client = createClient(Spec, here());
    let error: unknown;
    const decisions = await decisionsOf(async () => {
      error = await failure(client.place(order({ labels: { x: 1 } })));
      await failure(client.place(order({ hour: "noon" })));
    });
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", refusedBy: "validation" });
    expect(String((error as Error).stack)).not.toMatch(/\n\s+at /);
    expect(decisions).toEqual([
      {
        policy: "validation",
        outcome: "refused",
        method: "/shop.Shop/Place",
        detail: { rule: "string.min_len", violations: 1 },
      },
      { policy: "validation", outcome: "failed", method: "/shop.Shop/Place", detail: undefined },
    ]);
  });
});

test("messages in a circle of several kinds are checked, except where rules say not to", () => {
  const outcome = generate({
    "t.proto": `syntax = "proto3"; package t; import "buf/validate/validate.proto";
      message M { string text = 1 [(buf.validate.field).string.max_len = 1]; A a = 2; }
      message A { B b = 1; repeated B list = 2; map<string, B> map = 3; }
      message B {
        M m = 1;
        M out = 2 [(buf.validate.field).ignore = IGNORE_ALWAYS];
        repeated M outs = 3 [(buf.validate.field).repeated.items.ignore = IGNORE_ALWAYS];
        string text = 4 [(buf.validate.field).string.max_len = 1];
      }
      service T { rpc Do(M) returns (M); }`,
  });
  const spec = specOf(outcome, "t_mesh.ts", "t.T");
  const schema = registryOf(spec).getMessage("t.M") as DescMessage;
  const method = { path: "/t.T/Do", request: esCodec(schema) } as unknown as MethodSpec;
  const check = compileCheck(siteFactory({})(method, spec));
  const wrong = { text: "wrong" };
  const fieldsOf = (json: object) => violationsOf(check(fromJson(schema, json as never)))?.map(([field]) => field);

  expect(fieldsOf({ a: { b: { m: wrong } } })).toEqual(["a.b.m.text"]);
  expect(fieldsOf({ a: { list: [{}, { m: { a: { map: { k: { m: wrong } } } } }] } })).toEqual([
    "a.list[1].m.a.map[].m.text",
  ]);
  expect(fieldsOf({ a: { b: { m: { a: { b: wrong } } } } })).toEqual(["a.b.m.a.b.text"]);
  expect(fieldsOf({ a: { b: { out: wrong, outs: [wrong, { a: { b: { m: wrong } } }] } } })).toBeUndefined();
});

test("protovalidate still needs help with messages in a circle: when this fails, drop cycles.ts", () => {
  const outcome = generate({
    "t.proto": `syntax = "proto3"; package t; import "buf/validate/validate.proto";
      message M { string text = 1 [(buf.validate.field).string.max_len = 1]; A a = 2; }
      message A { M m = 1; }
      service T { rpc Do(M) returns (M); }`,
  });
  const registry = registryOf(specOf(outcome, "t_mesh.ts", "t.T"));
  const schema = registry.getMessage("t.M") as DescMessage;
  const { validate } = loadProtovalidate("").createValidator({ registry });
  expect(validate(schema, fromJson(schema, { text: "wrong" })).kind).toBe("invalid");
  expect(validate(schema, fromJson(schema, { a: { m: { text: "wrong" } } })).kind).toBe("valid");
});

/** A generated service as far as a layer needs it. */
function specOf({ files }: Outcome, path: string, name: string): ServiceSpec {
  const descriptors = /const descriptors =\s+"([^"]+)"/.exec(files[path] ?? "")?.[1] ?? "";
  return { name, descriptors, methods: {} };
}

const build = (spec: ServiceSpec | undefined, message: string) => {
  const codec = { typeName: message, encode: () => new Uint8Array(), decode: () => ({}) };
  const method = { path: "/t.T/Do", kind: "unary", request: codec, reply: codec } as unknown as MethodSpec;
  return validation.server?.({}, siteFactory({})(method, spec));
};

test.each([
  [
    "an expression that is none",
    '[(buf.validate.field).cel = { id: "x" expression: "this ==" }]',
    /a validation rule of t\.M is wrong/,
  ],
  ["a rule for another type", "[(buf.validate.field).int32.gt = 1]", /a validation rule of t\.M is wrong/],
])("%s fails when the server is built", (_, option, message) => {
  const outcome = generate({
    "t.proto": `syntax = "proto3"; package t; import "buf/validate/validate.proto";
      message M { string text = 1 ${option}; } service T { rpc Do(M) returns (M); }`,
  });
  expect(() => build(specOf(outcome, "t_mesh.ts", "t.T"), "t.M")).toThrow(message);
});

test("without descriptors a server is not built", () => {
  expect(() => build(undefined, "t.M")).toThrow("/t.T/Do: validation needs the service's descriptors");
});

test("a missing package is an error that says what to do", () => {
  const folder = mkdtempSync(join(tmpdir(), "mesh-none-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  expect(() => loadProtovalidate("/t.T/Do", join(folder, "x.js"))).toThrow(
    /^\/t\.T\/Do: .* run npm install @bufbuild\/protovalidate, or switch them off with off: VALIDATION$/,
  );
  expect(loadProtovalidate("/t.T/Do").createValidator).toBeTypeOf("function");
});

const options = (text: string) => `option (mesh.v1.method) = { ${text} };`;
const service = (method: string, more = "") =>
  generate({
    "t.proto": `syntax = "proto3"; package t; import "buf/validate/validate.proto"; import "mesh/v1/options.proto";
      option (mesh.v1.file) = { ${more} };
      message Ruled { string text = 1 [(buf.validate.field).string.min_len = 1]; }
      message Holds { oneof one { Holds again = 1; Ruled ruled = 2; } }
      message Needs { option (buf.validate.message).cel = { id: "x" expression: "true" }; }
      message Oneof { oneof one { option (buf.validate.oneof).required = true; string a = 1; } }
      message Plain { string text = 1; repeated Plain plains = 2; }
      service T { ${method} }`,
  });
/** What is said about the policy; that the service has no others is not the matter here. */
const told = ({ warnings }: Outcome) => warnings.filter((line) => line.includes("validation"));
const validates = ({ files }: Outcome) => /^\s+(?:policy: \{ )?validation: \{\},?/m.test(files["t_mesh.ts"] ?? "");

test.each([
  ["Ruled", true],
  ["Holds", true],
  ["Needs", true],
  ["Oneof", true],
  ["Plain", false],
])("requests of type %s are validated: %s", (type, expected) => {
  const outcome = service(`rpc Do(${type}) returns (Ruled);`);
  expect([outcome.errors, told(outcome), validates(outcome)]).toEqual([[], [], expected]);
});

test.each([
  ["a method", `rpc Do(Ruled) returns (Plain) { ${options("off: VALIDATION")} }`, "", false],
  ["a service", `option (mesh.v1.service) = { off: VALIDATION }; rpc Do(Ruled) returns (Plain);`, "", false],
  ["a file", "rpc Do(Ruled) returns (Plain);", "defaults: { off: VALIDATION }", false],
  [
    "a file, and on again",
    `rpc Do(Ruled) returns (Plain) { ${options("validation: {}")} }`,
    "defaults: { off: VALIDATION }",
    true,
  ],
  ["a service", `option (mesh.v1.service) = { validation: {} }; rpc Do(Plain) returns (Ruled);`, "", false],
])("switched by %s", (_, method, file, expected) => {
  const outcome = service(method, file);
  expect([outcome.errors, told(outcome), validates(outcome)]).toEqual([[], [], expected]);
});

test("a method that asks for validation in vain is told so", () => {
  const outcome = service(`rpc Do(Plain) returns (Ruled) { ${options("validation: {}")} }`);
  expect(told(outcome)).toEqual([
    expect.stringMatching(
      /^t\.proto:\d+:\d+: warning: \(mesh\.v1\.method\)\.validation: does nothing, because t\.Plain has no protovalidate rules: .* \[validation\/no-rules\]$/,
    ),
  ]);
  expect(validates(outcome)).toBe(false);
});

test("descriptors keep rules and nothing else of custom options", () => {
  const registry = registryOf(specOf(service("rpc Do(Ruled) returns (Plain);", "defaults: {}"), "t_mesh.ts", "t.T"));
  const unknown = (options: { readonly $unknown?: readonly { readonly no: number }[] | undefined } | undefined) =>
    options?.$unknown?.map(({ no }) => no);
  expect(unknown(registry.getMessage("t.Ruled")?.fields[0]?.proto.options)).toEqual([1159]);
  expect(unknown(registry.getMessage("t.Needs")?.proto.options)).toEqual([1159]);
  expect(unknown(registry.getMessage("t.Oneof")?.oneofs[0]?.proto.options)).toEqual([1159]);
  expect(unknown(registry.getFile("t.proto")?.proto.options)).toBeUndefined();
  expect(registry.getFile("t.proto")?.proto.dependency).toEqual([]);
});
