// node:http alone: two paths compared by hand, JSON.parse and JSON.stringify, no error handling.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { HttpServer } from "../contender.ts";
import { portOf } from "./port.ts";

const prefix = "/v1/tiny/";

function handle(request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? "";
  if (request.method === "GET" && url.startsWith(prefix)) {
    const query = url.indexOf("?");
    const number = Number(new URLSearchParams(url.slice(query)).get("number"));
    reply(response, { text: decodeURIComponent(url.slice(prefix.length, query)), number });
  } else {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => reply(response, JSON.parse(Buffer.concat(chunks).toString())));
  }
}

function reply(response: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

export const server: HttpServer = { checks: false, serve: () => portOf(createServer(handle).listen(0, "127.0.0.1")) };
