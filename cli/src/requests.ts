import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { type DescMessage, fromJson, type JsonValue, type Message, type Registry } from "@bufbuild/protobuf";
import { UsageError } from "./command.ts";

/** Where requests come from: a text, a file by `@path`, the standard input by `-`, or nowhere. */
export type Source = string | undefined;

/** The one request of a method that takes one; without a source the empty message. Throws a UsageError. */
export async function requestOf(source: Source, type: DescMessage, registry: Registry): Promise<Message> {
  const text = source === undefined ? "{}" : ((await textOf(source)) ?? (await readAll()));
  return messageOf(text.trim() === "" ? "{}" : text, type, registry, "the request");
}

/**
 * The requests of a method that takes a stream: JSON lines, or one document over several lines. Those of the standard input are
 * sent as they come. Throws a UsageError.
 */
export async function* requestsOf(source: Source, type: DescMessage, registry: Registry): AsyncGenerator<Message> {
  if (source === undefined) return;
  const text = await textOf(source);
  if (text !== undefined && isJson(text)) return yield messageOf(text, type, registry, "the request");
  const lines = text === undefined ? createInterface({ input: process.stdin }) : text.split("\n");
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (line.trim() !== "") yield messageOf(line, type, registry, `line ${number} of the requests`);
  }
}

/** The text of a source, or undefined for the standard input. */
async function textOf(source: string): Promise<string | undefined> {
  if (source === "-" || source === "@-") return undefined;
  if (!source.startsWith("@")) return source;
  const file = source.slice(1);
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

async function readAll(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function messageOf(text: string, type: DescMessage, registry: Registry, what: string): Message {
  let json: JsonValue;
  try {
    json = JSON.parse(text) as JsonValue;
  } catch {
    throw new UsageError(`${what} is not JSON: write an object with the fields of ${type.typeName}`);
  }
  if (hasLargeInteger(text))
    throw new UsageError(`${what} has an integer beyond 2^53, which would be rounded: write it in quotes`);
  try {
    return fromJson(type, json, { registry });
  } catch (error) {
    throw new UsageError(`${what} is not a ${type.typeName}: ${withoutValues((error as Error).message)}`);
  }
}

/** Source: ProtoJSON, which takes 64-bit integers as strings, too. */
const hasLargeInteger = (json: string): boolean =>
  (json.match(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g) ?? []).some(
    (token) => /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)),
  );

/** What protobuf-es says, as far as it cannot have a value that was given: they may be secret. */
const withoutValues = (message: string): string => {
  const [, what = "it cannot be decoded", why] =
    /^(.*? from JSON)(?:: ((?:list item #\d+: )?(?:key "[^"]*" is unknown|expected [\w.]+(?: \(\w+\))?|[a-z ]+ must not be null)))?/s.exec(
      message,
    ) ?? [];
  return why === undefined ? what : `${what}: ${why}`;
};
