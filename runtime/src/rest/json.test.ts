import { type DescMessage, fromJson, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonOf } from "../../test/arbitrary-json.ts";
import { FindRequest, Parcel } from "../../test/depot/depot.ts";
import { Depot } from "../../test/depot/depot_mesh.ts";
import { createDepotRestClient } from "../../test/depot/depot_rest.ts";
import { AllKinds } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { createKitchenRestClient } from "../../test/kitchen/kitchen_rest.ts";
import { registryOf } from "../messages/descriptors.ts";
import { createRestClient, type RestMethodSpec, type RestOptions, type Shape } from "./index.ts";

/** What goes out and what comes in, through a client whose network is a function. */
function mirrored(): { readonly fetch: NonNullable<RestOptions["fetch"]>; readonly sent: JsonValue[]; reply: string } {
  const network = {
    sent: [] as JsonValue[],
    reply: "{}",
    fetch: async (_url: string, { body }: RequestInit) => {
      network.sent.push(JSON.parse(String(body ?? "null")));
      return new Response(network.reply, { headers: { "content-type": "application/json" } });
    },
  };
  return network;
}

const kitchenTypes = registryOf(Kitchen);
const allKinds = kitchenTypes.getMessage("test.kitchen.v1.AllKinds") as DescMessage;
const parcel = registryOf(Depot).getMessage("test.depot.v1.Parcel") as DescMessage;

/** A message of ts-proto with nothing left that equality could trip over. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (value instanceof Map) return [...value].map(plain).sort();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : value;
  const entries = Object.entries(value).filter(([key, one]) => key !== "_unknownFields" && one !== undefined);
  return Object.fromEntries(entries.map(([key, one]) => [key, plain(one)]));
}

test("every message goes out and comes in as protobuf-es has it", async () => {
  const network = mirrored();
  const { mirror } = createKitchenRestClient({ baseUrl: "http://x", fetch: network.fetch });
  await fc.assert(
    fc.asyncProperty(jsonOf(allKinds), async (given) => {
      // ts-proto's own Struct loses this key.
      fc.pre(!JSON.stringify(given).includes('"__proto__":'));
      // A list of messages keeps the request out of a query, so that it is sent as JSON.
      const json = { ...given, nesteds: [{}] };
      const known = fromJson(allKinds, json);
      const message = AllKinds.decode(toBinary(allKinds, known));
      for (const text of [JSON.stringify(json), JSON.stringify(toJson(allKinds, known))]) {
        network.reply = text;
        expect(plain(await mirror(message))).toEqual(plain(message));
        const sent = fromJson(allKinds, network.sent.pop() as JsonValue);
        expect(plain(AllKinds.decode(toBinary(allKinds, sent)))).toEqual(plain(message));
      }
    }),
    { numRuns: 300 },
  );
});

test("the same with maps by number and by truth, other JSON names and a recursive oneof", async () => {
  const network = mirrored();
  const { find } = createDepotRestClient({ baseUrl: "http://x", fetch: network.fetch });
  await fc.assert(
    fc.asyncProperty(jsonOf(parcel), async (json) => {
      fc.pre(!JSON.stringify(json).includes('"__proto__":'));
      const part = Parcel.decode(toBinary(parcel, fromJson(parcel, json)));
      network.reply = JSON.stringify(json);
      expect(plain(await find(FindRequest.create({ parts: [part] })))).toEqual(plain(part));
      const { parts } = network.sent.pop() as unknown as { readonly parts: readonly [JsonValue] };
      expect(plain(Parcel.decode(toBinary(parcel, fromJson(parcel, parts[0]))))).toEqual(plain(part));
    }),
    { numRuns: 300 },
  );
});

test.each([
  ["a number in text", { small: "7", precise: "1e3", large: "12", counts: { a: "3" } }, { small: 7, precise: 1000 }],
  ["unknown values of enums", { spice: 77, spices: ["MILD", 5] }, { spice: 77, spices: [1, 5] }],
  ["unknown fields and null", { no_such: { a: 1 }, text: null, texts: null, at: null }, { text: "", texts: [] }],
  ["base64 of the other alphabet", { raw: "_-8" }, { raw: Uint8Array.of(255, 239) }],
  ["another zone", { at: "2024-01-01T02:00:00+02:00" }, { at: new Date("2024-01-01T00:00:00Z") }],
])("%s is read", async (_, json, expected) => {
  const network = mirrored();
  network.reply = JSON.stringify(json);
  const { mirror } = createKitchenRestClient({ baseUrl: "http://x", fetch: network.fetch });
  expect(await mirror(AllKinds.create())).toMatchObject(expected);
});

test.each([
  ["small", 2147483648],
  ["small", 1.5],
  ["small_unsigned", -1],
  ["small_unsigned", ""],
  ["large", "9223372036854775808"],
  ["large", "0x1"],
  ["large_unsigned", -1],
  ["single", 1e39],
  ["precise", "nan"],
  ["precise", true],
  ["yes", "true"],
  ["text", 1],
  ["raw", "%%"],
  ["spice", "NO_SPICE"],
  ["texts", "x"],
  ["texts", [null]],
  ["counts", []],
  ["counts", { a: 1.5 }],
  ["nested", []],
  ["at", "yesterday"],
  ["at", "2024-02-30T00:00:00"],
  ["took", "1"],
  ["mask", 1],
  ["facts", []],
  ["nothing", 1],
])("%s cannot be %j, and the failure names it", async (field, value) => {
  const network = mirrored();
  network.reply = JSON.stringify({ [field]: value });
  const { mirror } = createKitchenRestClient({ baseUrl: "http://x", fetch: network.fetch });
  await expect(mirror(AllKinds.create())).rejects.toMatchObject({
    code: "INTERNAL",
    text: expect.stringContaining(`read: ${field}`),
  });
});

test.each([
  ["small", 2 ** 31],
  ["small", "1"],
  ["large", 2n ** 63n],
  ["large_unsigned", -1n],
  ["text", 1],
  ["yes", "true"],
  ["raw", "AA=="],
  ["spice", 1.5],
  ["texts", "x"],
  ["counts", { a: "1" }],
  ["nested", 1],
  ["at", new Date(8e15)],
  ["took", { seconds: 1n, nanos: -1 }],
  ["took", { seconds: 1.5, nanos: 0 }],
  ["took", { seconds: "soon", nanos: 0 }],
  ["mask", ["aB"]],
  ["mask", [5]],
  ["facts", { a: Number.NaN }],
  ["text", "\ud800"],
  ["texts", ["\udc00a"]],
  ["counts", { "\ud800": 1 }],
])("%s cannot be sent as %s", async (field, value) => {
  const network = mirrored();
  const key = field.replace(/_(.)/, (_, letter: string) => letter.toUpperCase());
  const { mirror } = createKitchenRestClient({ baseUrl: "http://x", fetch: network.fetch });
  await expect(mirror({ ...AllKinds.create(), [key]: value } as never)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    text: expect.stringMatching(`sent: ${field}: (?!cannot be read)`),
  });
  expect(network.sent).toEqual([]);
});

/** A call whose reply is such a message, and its request, too. */
function echo(typeName: string, shape: Shape = {}, request = typeName) {
  const network = mirrored();
  const method: RestMethodSpec = {
    path: "/a.B/C",
    kind: "unary",
    request,
    reply: typeName,
    routes: [{ method: "POST", segments: ["c"], variables: [], body: "*" }],
  };
  const { call } = createRestClient<{ call(request: unknown): Promise<unknown> }>(
    { call: method },
    { shape, messages: {}, enums: {} },
    { baseUrl: "http://x", fetch: network.fetch },
  );
  return { network, call };
}

test("a google.protobuf.Value that is a whole message is refused", async () => {
  const { network, call } = echo("google.protobuf.Value");
  await expect(call({ numberValue: 1 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  expect(network.sent).toEqual([]);
  const { network: back, call: read } = echo("google.protobuf.Value", {}, "google.protobuf.Empty");
  for (const reply of ["1", "null"]) {
    back.reply = reply;
    await expect(read({})).rejects.toMatchObject({ code: "INTERNAL" });
  }
});

test.each<[string, Shape, object, unknown]>([
  ["Struct", {}, { fields: { a: [1] } }, { a: [1] }],
  ["Struct", { maps: true }, { fields: new Map([["a", [1]]]) }, { a: [1] }],
  ["Struct", { maps: true }, { fields: new Map() }, null],
  ["ListValue", {}, { values: [null, "a"] }, [null, "a"]],
  ["ListValue", {}, { values: [] }, null],
  ["FieldMask", {}, { paths: ["a_b"] }, "aB"],
  ["Int64Value", { longs: "bigint" }, { value: 5n }, "5"],
  ["Int64Value", { longs: "string" }, { value: "0" }, null],
])("a %s that is a whole message, with %o, is %o, and its JSON %j", async (name, shape, message, json) => {
  const { network, call } = echo(`google.protobuf.${name}`, shape);
  network.reply = JSON.stringify(json);
  expect(await call(message)).toEqual(message);
  if (json !== null) expect(network.sent).toEqual([json]);
});

test("a whole message without its only field, which useOptionals allows, is sent as empty", async () => {
  const empty = { Struct: {}, ListValue: [], FieldMask: "", UInt64Value: "0", StringValue: "", BoolValue: false };
  for (const [name, json] of Object.entries(empty)) {
    const { network, call } = echo(`google.protobuf.${name}`);
    network.reply = "null";
    await call({});
    expect(network.sent, name).toEqual([json]);
    await expect(call("x"), name).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  }
});

test("a key called __proto__ is a key", async () => {
  const network = mirrored();
  network.reply = '{"counts":{"__proto__":3}}';
  const { mirror } = createKitchenRestClient({ baseUrl: "http://x", fetch: network.fetch });
  const { counts } = await mirror(AllKinds.create());
  expect(Object.entries(counts)).toEqual([["__proto__", 3]]);
});
