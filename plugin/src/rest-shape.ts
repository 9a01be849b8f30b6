import type { RestShape } from "./model.ts";

/** Options of ts-proto that give messages a form that the REST client does not know. */
const unsupported = [
  "noDefaultsForOptionals",
  "useDuration",
  "useJsTypeOverride",
  "useJsonWireFormat",
  "useMongoObjectId",
  "useNullAsOptional",
];

/** How ts-proto's messages hold their fields by its options, and what the REST client cannot take among them. */
export function restShape(last: (option: string) => string | undefined): { shape: RestShape; wrong: string[] } {
  const wrong: string[] = [];
  const refuse = (option: string, use: string) =>
    wrong.push(`parameter rest=true: with ${option}=${last(option)} of ts-proto there is no REST client; ${use}`);
  const choose = <T>(option: string, values: { readonly [value: string]: T }, fallback: T): T => {
    const value = last(option);
    if (value === undefined) return fallback;
    if (Object.hasOwn(values, value)) return values[value] as T;
    refuse(option, `use ${Object.keys(values).join(" or ")}`);
    return fallback;
  };
  for (const option of unsupported) if (!["", "false", undefined].includes(last(option))) refuse(option, "remove it");
  const truth = { true: true, false: false };
  const longs = choose("forceLong", { number: "number", bigint: "bigint", string: "string" }, "number");
  const oneofs = choose(
    "oneof",
    { unions: "unions", "unions-value": "unions-value", properties: undefined },
    undefined,
  );
  const dates = choose(
    "useDate",
    {
      true: "date",
      date: "date",
      false: "message",
      timestamp: "message",
      string: "string",
      "string-nano": "string",
    },
    "date",
  );
  const enumTexts = choose("stringEnums", truth, false);
  const maps = choose("useMapType", truth, false);
  return {
    shape: {
      ...(longs !== "number" && { longs: longs as "bigint" }),
      ...(oneofs && { oneofs: oneofs as "unions" }),
      ...(dates !== "date" && { dates: dates as "message" }),
      ...(enumTexts && { enumTexts }),
      ...(maps && { maps }),
    },
    wrong,
  };
}
