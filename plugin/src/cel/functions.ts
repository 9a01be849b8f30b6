import { type Simple, simple, type Type } from "./types.ts";

/** Types that a parameter of a function may have. */
type Parameter = Simple | "list" | "map";

/** One way to call a function. Methods have a target. */
export interface Overload {
  readonly target: Parameter | undefined;
  readonly args: readonly Parameter[];
  readonly result: Type;
}

const comparable = ["bool", "bytes", "string", "timestamp", "duration"];
const numeric = ["int", "uint", "double"];
const order = [
  ...comparable.map((type) => `${type} ${type} -> bool`),
  ...numeric.flatMap((left) => numeric.map((right) => `${left} ${right} -> bool`)),
];
const ofSame = (...types: readonly string[]) => types.map((type) => `${type} ${type} -> ${type}`);
const text = ["string.string -> bool"];
const ofTime = ["timestamp. -> int", "timestamp.string -> int"];

/** All functions but those that logic, comparison and access need a hand of their own for: `target.args -> result`. */
const table: { readonly [name: string]: readonly string[] } = {
  "!_": ["bool -> bool"],
  "-_": ["int -> int", "double -> double"],
  "_<_": order,
  "_<=_": order,
  "_>_": order,
  "_>=_": order,
  "_+_": [
    ...ofSame("int", "uint", "double", "string", "bytes", "list", "duration"),
    "timestamp duration -> timestamp",
    "duration timestamp -> timestamp",
  ],
  "_-_": [
    ...ofSame("int", "uint", "double", "duration"),
    "timestamp timestamp -> duration",
    "timestamp duration -> timestamp",
  ],
  "_*_": ofSame("int", "uint", "double"),
  "_/_": ofSame("int", "uint", "double"),
  "_%_": ofSame("int", "uint"),
  size: ["string", "bytes", "list", "map"].flatMap((type) => [`${type} -> int`, `${type}. -> int`]),
  contains: text,
  endsWith: text,
  matches: text,
  startsWith: text,
  int: ["int", "uint", "double", "string", "timestamp", "duration"].map((type) => `${type} -> int`),
  uint: ["uint", "int", "double", "string"].map((type) => `${type} -> uint`),
  double: ["double", "int", "uint", "string"].map((type) => `${type} -> double`),
  bool: ["bool -> bool", "string -> bool"],
  bytes: ["bytes -> bytes", "string -> bytes"],
  string: ["string", "bool", "int", "uint", "double", "bytes", "timestamp", "duration"].map(
    (type) => `${type} -> string`,
  ),
  timestamp: ["timestamp", "string", "int"].map((type) => `${type} -> timestamp`),
  duration: ["duration", "string", "int"].map((type) => `${type} -> duration`),
  type: ["dyn -> type"],
  dyn: ["dyn -> dyn"],
  getDate: ofTime,
  getDayOfMonth: ofTime,
  getDayOfWeek: ofTime,
  getDayOfYear: ofTime,
  getFullYear: ofTime,
  getMonth: ofTime,
  getHours: [...ofTime, "duration. -> int"],
  getMilliseconds: [...ofTime, "duration. -> int"],
  getMinutes: [...ofTime, "duration. -> int"],
  getSeconds: [...ofTime, "duration. -> int"],
};

/** The functions of CEL's standard library that @bufbuild/cel has, by name. */
export const functions: ReadonlyMap<string, readonly Overload[]> = new Map(
  Object.entries(table).map(([name, signatures]) => [name, signatures.map(overload)]),
);

function overload(signature: string): Overload {
  const [left = "", right = ""] = signature.split(" -> ");
  const at = left.indexOf(".");
  const args = left.slice(at + 1).split(" ");
  return {
    target: at < 0 ? undefined : (left.slice(0, at) as Parameter),
    args: args.filter((arg) => arg !== "") as Parameter[],
    result: right === "list" ? { kind: "list", of: simple("dyn") } : simple(right as Simple),
  };
}

/** Whether a value of a type may be a value of a parameter's type. */
export function fits(type: Type, parameter: Parameter): boolean {
  if (type.kind === "wrapper") return fits(type.of, parameter);
  return type.kind === parameter || type.kind === "dyn" || parameter === "dyn";
}
