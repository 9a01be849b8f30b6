import { JsonError, show } from "./error.ts";
import type { Fields } from "./place.ts";
import { isWellFormed } from "./read-scalar.ts";
import { deepest, type Reader, type Reading } from "./reading.ts";

/** Reads a Struct, Value or ListValue that is held as what JSON.parse makes. */
export function plainReader(type: "Struct" | "Value" | "ListValue"): Reader {
  return (json, reading, name) => {
    const isObject = typeof json === "object" && json !== null;
    if ((type === "Struct" && (!isObject || Array.isArray(json))) || (type === "ListValue" && !Array.isArray(json)))
      throw new JsonError(name, `is no google.protobuf.${type}: ${show(json)}`);
    checkPlain(json, reading, reading.depth, name);
    return json;
  };
}

/** Plain JSON stays what it is, but it may not be deeper than messages. */
function checkPlain(json: unknown, reading: Reading, depth: number, name: string): void {
  if (typeof json === "string") checkText(json, reading, name);
  if (typeof json !== "object" || json === null) {
    // Such as 1e999, which JSON.parse takes.
    if (typeof json === "number" && !Number.isFinite(json)) throw new JsonError(name, "has a number that is too large");
    return;
  }
  if (depth >= deepest)
    throw new JsonError(name, `is no google.protobuf.Value: maximum recursion depth of ${deepest} reached`);
  if (Array.isArray(json)) for (const one of json) checkPlain(one, reading, depth + 1, name);
  else {
    for (const key in json) {
      reading.keys++;
      checkText(key, reading, name);
      checkPlain((json as Fields)[key], reading, depth + 1, name);
    }
  }
}

function checkText(text: string, { wellFormed }: Reading, name: string): void {
  if (!wellFormed && !isWellFormed(text)) throw new JsonError(name, "is no valid Unicode");
}
