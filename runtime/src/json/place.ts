import type { FieldShape } from "./shape.ts";

/** A message or another object, by its properties. */
export type Fields = { [key: string]: unknown };

/** Keys such as `__proto__` are data. */
export function setOwn(record: object, key: string, value: unknown): void {
  if (key !== "__proto__") (record as Fields)[key] = value;
  else Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Puts a value where the message has it. */
export function putter({ key, union }: FieldShape): (message: Fields, value: unknown) => void {
  if (!union) {
    return (message, value) => {
      message[key] = value;
    };
  }
  const { tag, name, value: at } = union;
  if (tag === "case") {
    return (message, value) => {
      message[key] = { case: name, value };
    };
  }
  if (tag === "$case" && at === "value") {
    return (message, value) => {
      message[key] = { $case: name, value };
    };
  }
  return (message, value) => {
    message[key] = { [tag]: name, [at]: value };
  };
}

/** Reads a field from a message; undefined when it is not given. */
export function getter({ key, union }: FieldShape): (message: object) => unknown {
  if (!union) return (message) => (message as Fields)[key];
  const { tag, name, value } = union;
  return (message) => {
    const chosen = (message as Fields)[key] as Fields | undefined | null;
    return chosen != null && chosen[tag] === name ? chosen[value] : undefined;
  };
}
