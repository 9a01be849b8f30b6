import { type DescField, type DescMessage, type JsonObject, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import fc from "fast-check";

type Json = fc.Arbitrary<JsonValue>;

/** JSON that is a message of this type: any fields, in either spelling, at most one member of each oneof. */
export function jsonOf(desc: DescMessage, depth = 2): fc.Arbitrary<JsonObject> {
  const fields = desc.fields.filter((field) => depth > 0 || !field.message);
  return fc
    .tuple(
      ...fields.map((field) => fc.tuple(fc.option(fieldJson(field, depth), { freq: 2, nil: undefined }), fc.boolean())),
    )
    .map((values) => {
      const json: JsonObject = {};
      const chosen = new Set<string>();
      for (const [n, field] of fields.entries()) {
        const [value, isProtoName] = values[n] as [JsonValue | undefined, boolean];
        if (value === undefined || (field.oneof && chosen.has(field.oneof.name))) continue;
        if (field.oneof) chosen.add(field.oneof.name);
        json[isProtoName ? field.name : field.jsonName] = value;
      }
      return json;
    });
}

function fieldJson(field: DescField, depth: number): Json {
  const value = valueJson(field, depth);
  if (field.fieldKind === "list") return fc.array(value, { maxLength: 3 });
  if (field.fieldKind !== "map") return value;
  const key = field.mapKey === ScalarType.STRING ? fc.string() : scalars(field.mapKey).map(String);
  return fc.dictionary(key, value, { maxKeys: 3 });
}

function valueJson(field: DescField, depth: number): Json {
  if (field.scalar !== undefined) return scalars(field.scalar);
  if (field.enum) {
    const { values } = field.enum;
    return fc.oneof(
      fc.constantFrom(...values.map(({ name }) => name)),
      fc.constantFrom(...values.map((v) => v.number)),
    );
  }
  const desc = field.message as DescMessage;
  const kind = /^google\.protobuf\.(\w+)$/.exec(desc.typeName)?.[1] ?? "";
  const inner = desc.fields[0];
  if (kind.endsWith("Value") && inner?.scalar !== undefined && kind !== "Value") return scalars(inner.scalar);
  return wellKnown[kind] ?? jsonOf(desc, depth - 1);
}

const plain = fc.jsonValue({ maxDepth: 2 }).filter((value) => !hasMinusZero(value)) as Json;
// -0 is another number to JavaScript's equality, and none to JSON.
const hasMinusZero = (value: unknown): boolean =>
  Object.is(value, -0) || (typeof value === "object" && value !== null && Object.values(value).some(hasMinusZero));

const instant = fc.date({
  min: new Date("0001-01-01T00:00:00Z"),
  // ts-proto rounds the last 16 microseconds of the year 9999 up, to a time that has no JSON.
  max: new Date("9999-12-31T23:59:58.999Z"),
  noInvalidDate: true,
});

const wellKnown: { readonly [kind: string]: Json } = {
  Timestamp: fc.oneof(
    instant.map((date) => date.toISOString()),
    fc
      .tuple(instant, fc.nat(999_999_999))
      .map(([date, nanos]) => `${date.toISOString().slice(0, 19)}.${String(nanos).padStart(9, "0")}Z`),
    fc.constant("2026-11-21T08:00:00.5+02:00"),
  ),
  Duration: fc
    .tuple(fc.boolean(), fc.nat(315_576_000_000 % 2 ** 31), fc.nat(999_999_999))
    .map(
      ([minus, seconds, nanos]) =>
        `${minus ? "-" : ""}${seconds}${nanos % 3 === 0 ? "" : `.${String(nanos).padStart(9, "0")}`}s`,
    ),
  FieldMask: fc.array(fc.constantFrom("a", "bC", "dE.fG"), { maxLength: 3 }).map((paths) => paths.join(",")),
  Struct: fc.dictionary(fc.string(), plain, { maxKeys: 3 }),
  Value: plain,
  ListValue: fc.array(plain, { maxLength: 3 }) as Json,
};

const int32 = fc.integer();
const uint32 = fc.nat().map((n) => n * 2);
const number = (values: fc.Arbitrary<number>): Json => fc.oneof(values, values.map(String));
const long = (min: bigint, max: bigint): Json => fc.oneof(fc.bigInt({ min, max }).map(String), fc.nat());

function scalars(type: ScalarType): Json {
  switch (type) {
    case ScalarType.STRING:
      return fc.string({ unit: "binary" }).filter((text) => !/\p{Surrogate}/u.test(text));
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes).toString("base64"));
    case ScalarType.DOUBLE:
      return fc.oneof(
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
        fc.constantFrom("NaN", "Infinity", "-Infinity"),
      );
    case ScalarType.FLOAT:
      return fc.float({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return number(int32);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return number(uint32);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return long(0n, 2n ** 64n - 1n);
    default:
      return long(-(2n ** 63n), 2n ** 63n - 1n);
  }
}
