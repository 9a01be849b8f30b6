import { JsonError, show } from "./error.ts";
import { type Fields, setOwn } from "./place.ts";
import { isWellFormed } from "./read-scalar.ts";
import { deepest, type Reader, type Reading } from "./reading.ts";

/** Reads a Struct, Value or ListValue that is held as what JSON.parse makes. */
export function plainReader(type: "Struct" | "Value" | "ListValue"): Reader {
  return (json, reading, name) => {
    const isObject = typeof json === "object" && json !== null;
    if ((type === "Struct" && (!isObject || Array.isArray(json))) || (type === "ListValue" && !Array.isArray(json)))
      throw new JsonError(name, `is no google.protobuf.${type}: ${show(json)}`);
    return plainIn(json, reading, reading.depth, name);
  };
}

/** Plain JSON stays what it is, but for bigints, which it does not have; it may not be deeper than messages. */
function plainIn(json: unknown, reading: Reading, depth: number, name: string): unknown {
  if (typeof json === "bigint") return Number(json);
  if (typeof json === "string") checkText(json, reading, name);
  // Such as 1e999, which JSON.parse takes.
  if (typeof json === "number" && !Number.isFinite(json)) throw new JsonError(name, "has a number that is too large");
  if (typeof json !== "object" || json === null) return json;
  if (depth >= deepest)
    throw new JsonError(name, `is no google.protobuf.Value: maximum recursion depth of ${deepest} reached`);
  if (Array.isArray(json)) {
    for (let n = 0; n < json.length; n++) {
      const plain = plainIn(json[n], reading, depth + 1, name);
      if (plain !== json[n]) json[n] = plain;
    }
    return json;
  }
  for (const key in json) {
    reading.keys++;
    checkText(key, reading, name);
    const one = (json as Fields)[key];
    const plain = plainIn(one, reading, depth + 1, name);
    if (plain !== one) setOwn(json, key, plain);
  }
  return json;
}

function checkText(text: string, { wellFormed }: Reading, name: string): void {
  if (!wellFormed && !isWellFormed(text)) throw new JsonError(name, "is no valid Unicode");
}
