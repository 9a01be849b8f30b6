import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { Place, Problems } from "../problems.ts";

/**
 * Names that an object has from birth, or that change what it is: an object with a method `then` is a promise to
 * `await`, one with `toJSON` is another value to `JSON.stringify`.
 */
const special: ReadonlySet<string> = new Set([
  "__defineGetter__",
  "__defineSetter__",
  "__lookupGetter__",
  "__lookupSetter__",
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "isPrototypeOf",
  "propertyIsEnumerable",
  "then",
  "toJSON",
  "toLocaleString",
  "toString",
  "valueOf",
]);

/**
 * The names of a service's methods in TypeScript: as protobuf-es names them, and special names end in `$`.
 *
 * Reports methods that would share one. `place` is where the method stands in the proto file.
 */
export function methodKeys(
  service: DescService,
  place: (method: DescMethod) => Place,
  problems: Problems,
): ReadonlyMap<DescMethod, string> {
  const owners = new Map<string, DescMethod>();
  const keys = new Map<DescMethod, string>();
  for (const method of service.methods) {
    const key = special.has(method.localName) ? `${method.localName}$` : method.localName;
    const other = owners.get(key);
    if (other) {
      problems.error(
        place(method),
        `${method.name} and ${other.name} are both called ${key} in TypeScript: rename one of them`,
        "names/collision",
      );
    }
    owners.set(key, method);
    keys.set(method, key);
  }
  return keys;
}
