import { parseReply, RestError, statusError } from "./error.ts";
import { isObject } from "./value.ts";

/** The chunks of a body as they arrive. Leaving early cancels the body. */
export async function* chunksOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** The lines of a body, without what ends them. */
async function* linesOf(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let started: string[] = [];
  for await (const chunk of chunksOf(response)) {
    const parts = decoder.decode(chunk, { stream: true }).split("\n");
    started.push(parts[0] as string);
    if (parts.length === 1) continue;
    const last = parts.pop() as string;
    parts[0] = started.join("");
    for (const line of parts) yield line.endsWith("\r") ? line.slice(0, -1) : line;
    started = [last];
  }
  const rest = started.join("") + decoder.decode();
  if (rest !== "") yield rest;
}

/** The messages of a streamed response as JSON. Fails with the status that the stream ends with. */
export async function* messagesOf(response: Response, path: string): AsyncGenerator<unknown> {
  const type = response.headers.get("content-type") ?? "";
  const items = type.startsWith("text/event-stream") ? eventsOf(response, path) : resultsOf(response, path, type);
  for await (const { json, failed } of items) {
    const failure = failed(json);
    if (failure === false) yield json;
    else throw failure ?? new RestError("UNKNOWN", `${path} ended with an error that is no status`);
  }
}

interface Item {
  readonly json: unknown;
  /** The failure that the item is; false when it is a message. */
  readonly failed: (json: unknown) => RestError | undefined | false;
}

const message = () => false as const;
/** A bare status, or one below `error`. */
const status = (json: unknown) => statusError(json) ?? statusError(isObject(json) ? json.error : undefined);

/** Source: WHATWG HTML, "Parsing an event stream"; ids and comments say nothing that a caller sees. */
async function* eventsOf(response: Response, path: string): AsyncGenerator<Item> {
  let data: string[] = [];
  let event = "";
  for await (const line of linesOf(response)) {
    if (line === "") {
      if (data.length > 0) {
        const json = parseReply(data.join("\n"), path, response.status);
        yield { json, failed: event === "error" ? status : message };
      }
      data = [];
      event = "";
      continue;
    }
    const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "data") data.push(value);
    else if (name === "event") event = value;
  }
}

/** Lines of results or errors; of bare messages, where the server says so. */
async function* resultsOf(response: Response, path: string, type: string): AsyncGenerator<Item> {
  const bare = type.includes("ndjson");
  for await (const line of linesOf(response)) {
    if (line.trim() === "") continue;
    const json = parseReply(line, path, response.status);
    const error = isObject(json) && isObject(json.error) ? statusError(json.error) : undefined;
    const isResult = isObject(json) && "result" in json;
    if (error && (bare || !isResult)) yield { json, failed: () => error };
    else yield { json: isResult && !bare ? json.result : json, failed: message };
  }
}
