import { fromJson, type Message, toJson } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { AllKinds } from "../../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../../test/kitchen/kitchen_mesh.ts";
import type { MethodSpec, Route } from "../../core/spec.ts";
import { esJson } from "../../json/codec.ts";
import { registryOf, schemaOf, undescribe } from "../../messages/descriptors.ts";
import { BadRequest } from "../../messages/details.ts";
import { findDetail } from "../../messages/status.ts";
import type { HttpConfig } from "../../policies/index.ts";
import { HttpError } from "../errors.ts";
import { compileBinder } from "./bind.ts";
import { noBody } from "./body.ts";

const registry = registryOf(Kitchen);
const mirror = Kitchen.methods.mirror as MethodSpec;
const schema = schemaOf(mirror.request, registry);

const get: Route = { method: "GET", template: "/", segments: [], variables: [] };
const whole: Route = { ...get, method: "POST", body: "*" };
const nested: Route = { ...get, method: "POST", body: "nested" };
const inPath = (field: string, segments: string[] = ["*"]): Route => ({
  ...get,
  segments,
  variables: [{ field, from: 0, to: segments.length }],
});

interface Request {
  readonly route?: Route;
  readonly path?: string;
  readonly query?: string;
  readonly body?: string;
  readonly config?: HttpConfig;
}

/** The message that a request makes, as JSON without defaults. */
function bind({ route = get, path = "", query = "", body = "", config = {} }: Request): unknown {
  const json = esJson(schema, { registry, ignoreUnknown: config.unknownJson === "IGNORE" });
  const binder = compileBinder({ route, schema, registry, config, json });
  const segments = path === "" ? [] : path.split("/");
  const message = binder.bind(segments, query, body === "" ? noBody : { kind: "json", text: body });
  return toJson(schema, message as Message, { registry });
}

/** The violation that a request is refused with. */
function refusal(request: Request): { field: string; description: string } {
  try {
    const accepted = bind(request);
    expect.unreachable(`${JSON.stringify(request)} was accepted as ${JSON.stringify(accepted)}`);
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    expect(error).toMatchObject({ status: 400, code: "INVALID_ARGUMENT" });
    const violation = findDetail(error, BadRequest)?.fieldViolations[0];
    return { field: violation?.field ?? "", description: violation?.description ?? "" };
  }
}

describe("a query parameter", () => {
  test.each<[string, unknown]>([
    // Names, in both spellings, at every step.
    ["small_unsigned=1", { smallUnsigned: 1 }],
    ["smallUnsigned=1", { smallUnsigned: 1 }],
    ["nested.name=a", { nested: { name: "a" } }],
    ["nested.inner.inner.name=a&nested.name=b", { nested: { name: "b", inner: { inner: { name: "a" } } } }],
    // Text.
    ["text=a%20b+c%2Bd", { text: "a b c+d" }],
    ["text=%C3%BC%F0%9F%8D%B2", { text: "ü🍲" }],
    ["text=", {}],
    ["text", {}],
    ["text=a=b", { text: "a=b" }],
    ["maybe=", { maybe: "" }],
    ["maybe", { maybe: "" }],
    ["te%78t=a", { text: "a" }],
    ["&&text=a&", { text: "a" }],
    // Truth.
    ["yes=true", { yes: true }],
    ["yes=TRUE", { yes: true }],
    ["yes=1", { yes: true }],
    ["yes=False", {}],
    ["yes=0", {}],
    // Integers.
    ["small=-2147483648", { small: -2147483648 }],
    ["small=2147483647", { small: 2147483647 }],
    ["small=007", { small: 7 }],
    ["large=-9223372036854775808", { large: "-9223372036854775808" }],
    ["large=9223372036854775807", { large: "9223372036854775807" }],
    ["smallUnsigned=4294967295", { smallUnsigned: 4294967295 }],
    ["largeUnsigned=18446744073709551615", { largeUnsigned: "18446744073709551615" }],
    // Fractions.
    ["precise=1.5e3", { precise: 1500 }],
    ["precise=-.5", { precise: -0.5 }],
    ["precise=NaN", { precise: "NaN" }],
    ["precise=-Infinity", { precise: "-Infinity" }],
    ["single=0.5", { single: 0.5 }],
    ["single=Infinity", { single: "Infinity" }],
    // Bytes: both alphabets, with and without padding.
    ["raw=%2B%2F8%3D", { raw: "+/8=" }],
    ["raw=-_8", { raw: "+/8=" }],
    ["raw=YQ==", { raw: "YQ==" }],
    ["raw=YQ", { raw: "YQ==" }],
    // Enums: a name, or any number.
    ["spice=HOT", { spice: "HOT" }],
    ["spice=2", { spice: "HOT" }],
    ["spice=77", { spice: 77 }],
    ["spice=-1", { spice: -1 }],
    // Lists: one parameter per element, commas are data.
    ["texts=a&texts=b,c&texts=", { texts: ["a", "b,c", ""] }],
    ["numbers=1&numbers=-2", { numbers: ["1", "-2"] }],
    ["spices=MILD&spices=2", { spices: ["MILD", "HOT"] }],
    ["wrappedTexts=a&wrapped_texts=b", { wrappedTexts: ["a", "b"] }],
    ["nested.numbers=1&nested.numbers=2", { nested: { numbers: [1, 2] } }],
    // Maps.
    ["counts[a]=1&counts[b.c]=2&counts%5Bd%5D=3", { counts: { a: 1, "b.c": 2, d: 3 } }],
    ["counts[]=1", { counts: { "": 1 } }],
    ["counts[__proto__]=1", { counts: JSON.parse('{"__proto__":1}') }],
    // Well-known types.
    ["at=2026-11-21T08:00:00Z", { at: "2026-11-21T08:00:00Z" }],
    ["at=2026-11-21T10:00:00.5%2B02:00", { at: "2026-11-21T08:00:00.500Z" }],
    ["took=1.5s", { took: "1.500s" }],
    ["took=-0.000000001s", { took: "-0.000000001s" }],
    ["mask=a_b,cD.e", { mask: "aB,cD.e" }],
    ["mask=", { mask: "" }],
    ['facts={"a":[1,null]}', { facts: { a: [1, null] } }],
    ["anything=null", { anything: null }],
    ["anything=[1]", { anything: [1] }],
    ['anything="x"', { anything: "x" }],
    ["wrappedText=", { wrappedText: "" }],
    ['wrappedText="x"', { wrappedText: '"x"' }],
    ["wrappedLarge=9223372036854775807", { wrappedLarge: "9223372036854775807" }],
    ["wrappedYes=false", { wrappedYes: false }],
    // Oneofs.
    ["left=a", { left: "a" }],
    ["right=0", { right: 0 }],
    // Unknown ones are ignored unless the method says otherwise.
    ["nope=1&nested.nope=2&nope.a.b=3&nope[x]=4&=5&[=6&.=7&nested.=8", {}],
    ["constructor=1&__proto__=2&toString.x=3&nested.__proto__=4", {}],
  ])("%s", (query, expected) => {
    expect(bind({ query })).toEqual(expected);
  });

  test.each([
    ["small=", "small", "is not a decimal integer"],
    ["small=1.0", "small", "is not a decimal integer"],
    ["small=0x10", "small", "is not a decimal integer"],
    ["small=%201", "small", "is not a decimal integer"],
    ["small=+1", "small", "is not a decimal integer"],
    ["small=1e3", "small", "is not a decimal integer"],
    ["small=null", "small", "is not a decimal integer"],
    ["small=2147483648", "small", "expected int32"],
    ["smallUnsigned=-1", "smallUnsigned", "expected uint32"],
    ["large=9223372036854775808", "large", "expected int64"],
    ["largeUnsigned=-1", "largeUnsigned", "expected uint64"],
    ["yes=", "yes", "is not true or false"],
    ["yes=yes", "yes", "is not true or false"],
    ["precise=", "precise", "is not a number"],
    ["precise=inf", "precise", "is not a number"],
    ["precise=0x10", "precise", "is not a number"],
    ["precise=1e999", "precise", "expected"],
    ["single=1e39", "single", "expected float"],
    ["raw=a*b", "raw", "is not base64"],
    ["raw=YQ===", "raw", "is not base64"],
    ["spice=hot", "spice", "is neither a value of test.kitchen.v1.Dish.Spice nor a number"],
    ["spice=", "spice", "is neither"],
    ["spice=2147483648", "spice", "expected enum"],
    ["numbers=1,2", "numbers", "is not a decimal integer"],
    ["counts=1", "counts", "is a map: write counts[key]=value"],
    ["counts[a=1", "counts[a", "is a map"],
    ["counts[a]b=1", "counts[a]b", "is a map"],
    ["counts[a]=x", "counts[a]", "is not a decimal integer"],
    ["counts[a]=1&counts[a]=2", "counts[a]", "is given twice"],
    ["text=a&text=b", "text", "is given twice"],
    ["smallUnsigned=1&small_unsigned=2", "small_unsigned", "is given twice"],
    ["left=a&right=1", "right", "excludes left"],
    ["text[0]=a", "text[0]", "is no map"],
    ["texts[0]=a", "texts[0]", "texts is a list: repeat the parameter"],
    ["texts[]=a", "texts[]", "repeat the parameter"],
    ["nested=a", "nested", "is a message, which text cannot hold"],
    ["nesteds=a", "nesteds", "is a list of messages"],
    ["nesteds[0].name=a", "nesteds[0].name", "a list of messages, which a query cannot hold"],
    ["nesteds.name=a", "nesteds.name", "a list of messages, which a query cannot hold"],
    ["small.x=1", "small.x", "small has no fields"],
    ["at.seconds=1", "at.seconds", "at has no fields"],
    ["wrappedText.value=a", "wrappedText.value", "wrapped_text has no fields"],
    ["facts.fields=1", "facts.fields", "facts has no fields"],
    ["counts.a=1", "counts.a", "counts is a map: write counts[key]=value"],
    ["nothing=a", "nothing", "is a message"],
    ["at=yesterday", "at", "invalid RFC 3339"],
    ["at=2026-11-21", "at", "invalid RFC 3339"],
    ["took=1h", "took", "is not a duration"],
    ["took=1.5sx", "took", "is not a duration"],
    ["took=1.0000000001s", "took", "is not a duration"],
    ["took=999999999999s", "took", "999999999999s"],
    ["facts=1", "facts", "is no google.protobuf.Struct: 1"],
    ["facts={", "facts", "is not JSON"],
    ["anything=hello", "anything", "is not JSON"],
    ["wrappedLarge=x", "wrappedLarge", "is not a decimal integer"],
    ["text=%zz", "text", "malformed percent escape"],
    ["text=%ff", "text", "malformed percent escape"],
    ["%zz=1", "%zz", "malformed percent escape"],
    [`${"nested.".repeat(16)}x=1`, "", "goes deeper than 16 fields"],
    [Array(257).fill("a=1").join("&"), "", "more than 256 parameters"],
  ])("%s is refused", (query, field, complaint) => {
    const violation = refusal({ query });
    if (field !== "") expect(violation.field).toBe(field);
    expect(violation.description).toContain(complaint);
  });

  test.each([
    ["nope=1", "nope", "is no field of the request"],
    ["nested.nope=1", "nested.nope", "is no field of the request"],
  ])("%s is refused where the method rejects unknown ones", (query, field, complaint) => {
    expect(refusal({ query, config: { unknownQuery: "REJECT" } })).toEqual({
      field,
      description: `${complaint}: remove it from the query`,
    });
  });
});

test("one binder reads the names of many requests, in both spellings, each for itself", () => {
  const json = esJson(schema, { registry });
  const config: HttpConfig = { unknownQuery: "REJECT" };
  const binder = compileBinder({ route: inPath("text"), schema, registry, config, json });
  const read = (query: string) => toJson(schema, binder.bind(["p"], query, noBody) as Message, { registry });
  for (const name of ["small_unsigned", "smallUnsigned", "small_unsigned"]) {
    expect(read(`${name}=1`)).toEqual({ text: "p", smallUnsigned: 1 });
    expect(read(`${name}=2`)).toEqual({ text: "p", smallUnsigned: 2 });
    expect(() => read(`${name}=1&smallUnsigned=2`)).toThrow("is given twice");
    expect(() => read(`${name}=x`)).toThrow("is not a decimal integer");
    expect(() => read(`${name}=4294967296`)).toThrow("expected uint32");
    expect(read("counts[a]=1")).toEqual({ text: "p", counts: { a: 1 } });
    expect(read("counts[b]=2&counts[__proto__]=3")).toMatchObject({ counts: { b: 2, ["__proto__"]: 3 } });
    expect(() => read("text=q")).toThrow("is taken from the path");
    expect(() => read("nobody=q")).toThrow("is no field of the request");
  }
});

describe("a path variable", () => {
  test.each<[string, string, unknown]>([
    ["text", "a%2Fb", { text: "a/b" }],
    ["text", "%25", { text: "%" }],
    ["text", "%252F", { text: "%2F" }],
    ["text", "a+b", { text: "a+b" }],
    ["text", "..", { text: ".." }],
    ["text", "%C3%BC", { text: "ü" }],
    ["small", "-7", { small: -7 }],
    ["large", "9223372036854775807", { large: "9223372036854775807" }],
    ["yes", "true", { yes: true }],
    ["precise", "1.5", { precise: 1.5 }],
    ["raw", "-_8", { raw: "+/8=" }],
    ["spice", "HOT", { spice: "HOT" }],
    ["maybe", "x", { maybe: "x" }],
    ["left", "x", { left: "x" }],
    ["at", "2026-11-21T08:00:00Z", { at: "2026-11-21T08:00:00Z" }],
    ["took", "3s", { took: "3s" }],
    ["mask", "a_b,c", { mask: "aB,c" }],
    ["wrapped_large", "5", { wrappedLarge: "5" }],
    ["nested.inner.name", "x", { nested: { inner: { name: "x" } } }],
  ])("%s from %s", (field, path, expected) => {
    expect(bind({ route: inPath(field), path })).toEqual(expected);
  });

  test.each([
    [["o", "**"], "o", "o"],
    [["o", "**"], "o/a", "o/a"],
    [["o", "**"], "o/a%2Fb/%C3%BC", "o/a%2Fb/ü"],
    [["**"], "", ""],
    [["**"], "a%2fb", "a%2fb"],
    [["p", "*", "q", "*"], "p/a%2Fb/q/c%20d", "p/a%2Fb/q/c d"],
  ])("over segments %j of %s", (segments, path, expected) => {
    expect(bind({ route: inPath("text", segments), path })).toEqual(expected === "" ? {} : { text: expected });
  });

  test("after a ** takes what that leaves over", () => {
    const route: Route = {
      ...get,
      segments: ["d", "**", "*"],
      variables: [
        { field: "text", from: 0, to: 2 },
        { field: "maybe", from: 2, to: 3 },
      ],
    };
    expect(bind({ route, path: "d/a/b/c" })).toEqual({ text: "d/a/b", maybe: "c" });
    expect(bind({ route, path: "d/c" })).toEqual({ text: "d", maybe: "c" });
  });

  test.each([
    ["small", "x", "is not a decimal integer"],
    ["small", "0x10", "is not a decimal integer"],
    ["small", "99999999999", "expected int32"],
    ["spice", "hot", "is neither a value"],
    ["at", "now", "invalid RFC 3339"],
    ["nested.inner.numbers", "x", "is not a decimal integer"],
  ])("%s from %s is refused", (field, path, complaint) => {
    const violation = refusal({ route: inPath(field), path });
    expect(violation.field).toBe(field);
    expect(violation.description).toContain(complaint);
  });
});

describe("a body", () => {
  test("is the whole request, in either spelling", () => {
    expect(bind({ route: whole, body: '{"small_unsigned": 1, "nested": {"name": "a"}}' })).toEqual({
      smallUnsigned: 1,
      nested: { name: "a" },
    });
  });

  test.each<[string, string, unknown]>([
    ["nested", '{"name":"a"}', { nested: { name: "a" } }],
    ["text", '"a"', { text: "a" }],
    ["text", "null", {}],
    ["large", "5", { large: "5" }],
    ["spice", '"HOT"', { spice: "HOT" }],
    ["texts", '["a","b"]', { texts: ["a", "b"] }],
    ["nesteds", '[{"name":"a"}]', { nesteds: [{ name: "a" }] }],
    ["counts", '{"a":1}', { counts: { a: 1 } }],
    ["at", '"2026-11-21T08:00:00Z"', { at: "2026-11-21T08:00:00Z" }],
    ["facts", '{"a":1}', { facts: { a: 1 } }],
    ["anything", "null", { anything: null }],
    ["wrapped_text", '"a"', { wrappedText: "a" }],
    ["left", '"a"', { left: "a" }],
  ])("is the field %s: %s", (body, text, expected) => {
    expect(bind({ route: { ...nested, body }, body: text })).toEqual(expected);
  });

  test("that is empty makes an empty request", () => {
    expect(bind({ route: whole })).toEqual({});
    expect(bind({ route: nested })).toEqual({});
  });

  test.each([
    [whole, "{", "", "the body is not JSON"],
    [whole, "{}.", "", "the body is not JSON"],
    [whole, "{} {}", "", "the body is not JSON"],
    [whole, "null", "", "the body is no test.kitchen.v1.AllKinds"],
    [whole, "[]", "", "the body is no test.kitchen.v1.AllKinds"],
    [whole, '{"small":"x"}', "small", "expected int32"],
    [whole, '{"nested":{"name":5}}', "name", "expected string, got 5"],
    [whole, '{"nope":1}', "nope", "is unknown"],
    [whole, '{"small":1,"small":2}', "", "duplicate"],
    [whole, '{"left":"a","right":1}', "either", "set multiple times"],
    [whole, `{"nested":${'{"inner":'.repeat(200)}{}${"}".repeat(201)}`, "", "maximum recursion depth"],
    [whole, "[".repeat(100_000), "", "the body is not JSON"],
    [nested, '{"name":"a"} x', "", "the body is not JSON"],
    [nested, "[]", "", "the body is no test.kitchen.v1.AllKinds"],
    [{ ...nested, body: "texts" }, '["a"],"text":"b"', "", "the body is not JSON"],
    [{ ...nested, body: "text" }, "5", "text", "expected string, got 5"],
  ])("%# is refused", (route, body, field, complaint) => {
    const violation = refusal({ route, body });
    expect(violation.field).toBe(field);
    expect(violation.description).toContain(complaint);
  });

  test("may have unknown fields where the method ignores them", () => {
    const config: HttpConfig = { unknownJson: "IGNORE" };
    expect(bind({ route: whole, body: '{"nope":1,"text":"a"}', config })).toEqual({ text: "a" });
    expect(bind({ route: nested, body: '{"nope":1,"name":"a"}', config })).toEqual({ nested: { name: "a" } });
  });
});

describe("what gives a field", () => {
  test("the path wins over the body", () => {
    const route: Route = { ...inPath("nested.name"), body: "*" };
    expect(bind({ route, path: "path", body: '{"nested":{"name":"body","numbers":[1]}}' })).toEqual({
      nested: { name: "path", numbers: [1] },
    });
    expect(bind({ route: { ...inPath("left"), body: "*" }, path: "path", body: '{"right":1}' })).toEqual({
      left: "path",
    });
  });

  test.each(["wrapped_text=query", "wrappedText=query"])("the path wins over the query %s", (query) => {
    expect(bind({ route: inPath("wrapped_text"), path: "path", query })).toEqual({ wrappedText: "path" });
    expect(refusal({ route: inPath("wrapped_text"), path: "path", query, config: { unknownQuery: "REJECT" } })).toEqual(
      {
        field: query.split("=")[0],
        description: "is taken from the path: remove it from the query",
      },
    );
  });

  test("the path wins over another member of its oneof", () => {
    expect(bind({ route: inPath("left"), path: "path", query: "right=1" })).toEqual({ left: "path" });
  });

  test("the query may give what is next to a path variable", () => {
    const route = inPath("nested.name");
    expect(bind({ route, path: "path", query: "nested.numbers=1&nested.name=query" })).toEqual({
      nested: { name: "path", numbers: [1] },
    });
  });

  test("the body field wins over the query, all of it", () => {
    const query = "nested.name=query&nested.numbers=1&text=query";
    expect(bind({ route: nested, query, body: '{"name":"body"}' })).toEqual({
      nested: { name: "body" },
      text: "query",
    });
    expect(bind({ route: nested, query })).toEqual({ text: "query" });
    expect(refusal({ route: nested, query, config: { unknownQuery: "REJECT" } }).description).toContain(
      "is taken from the body",
    );
  });

  test("nothing comes from the query when the body is the whole request", () => {
    expect(bind({ route: whole, query: "text=query&small=x", body: '{"yes":true}' })).toEqual({ yes: true });
    expect(refusal({ route: whole, query: "text=query", config: { unknownQuery: "REJECT" } })).toEqual({
      field: "text",
      description: "is taken from the body: remove it from the query",
    });
  });

  test("a query excludes the other member of the body's oneof", () => {
    const route: Route = { ...nested, body: "left" };
    expect(refusal({ route, query: "right=1", body: '"a"' }).description).toContain("excludes left");
    expect(bind({ route, query: "right=1" })).toEqual({ right: 1 });
  });
});

test("the implementation's codec gets the message that was bound", () => {
  const message = fromJson(schema, { large: "5", left: "a", at: "1970-01-01T00:00:00Z" });
  expect(undescribe(mirror.request, registry)(message)).toMatchObject(
    AllKinds.create({ large: 5n, either: { $case: "left", value: "a" }, at: new Date(0) }),
  );
});
