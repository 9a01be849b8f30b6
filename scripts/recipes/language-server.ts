import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** What a language server reports of a file. */
export interface Diagnostic {
  readonly range: { readonly start: { readonly line: number; readonly character: number } };
  readonly code?: string;
  readonly message: string;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly uri: string; readonly diagnostics: readonly Diagnostic[] };
  readonly result?: unknown;
}

/**
 * Opens a file as an editor does, in the language server of buf, and waits until it has diagnostics. Source: Language Server
 * Protocol 3.17. Fails when the server ends first.
 */
export function diagnosticsOf(folder: string, file: string): Promise<readonly Diagnostic[]> {
  const server = spawn(join(folder, "node_modules/.bin/buf"), ["lsp", "serve", "--log-format", "text"], {
    cwd: folder,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const uri = pathToFileURL(join(folder, file)).href;
  const rootUri = pathToFileURL(folder).href;
  const send = (message: object) => {
    const text = JSON.stringify({ jsonrpc: "2.0", ...message });
    server.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  };
  let log = "";
  server.stderr.on("data", (chunk) => {
    log += chunk;
  });
  const found = new Promise<readonly Diagnostic[]>((resolve, reject) => {
    server.on("exit", (code) => reject(new Error(`buf lsp serve ended with ${code}:\n${log}`)));
    read(server.stdout, ({ id, method, params, result }) => {
      if (id === 1 && result !== undefined) {
        const text = readFileSync(join(folder, file), "utf8");
        send({ method: "initialized", params: {} });
        send({
          method: "textDocument/didOpen",
          params: { textDocument: { uri, languageId: "proto", version: 1, text } },
        });
      } else if (id !== undefined && method !== undefined) send({ id, result: null });
      else if (params?.uri === uri && params.diagnostics.length > 0) resolve(params.diagnostics);
    });
  });
  const workspaceFolders = [{ uri: rootUri, name: "project" }];
  send({
    id: 1,
    method: "initialize",
    params: { processId: process.pid, rootUri, capabilities: {}, workspaceFolders },
  });
  return found.finally(() => server.kill());
}

/** Cuts a stream into messages. */
function read(stream: NodeJS.ReadableStream, take: (message: Message) => void): void {
  let waiting = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    waiting = Buffer.concat([waiting, chunk]);
    for (;;) {
      const end = waiting.indexOf("\r\n\r\n");
      if (end < 0) return;
      const length = Number(/Content-Length: (\d+)/i.exec(waiting.subarray(0, end).toString())?.[1]);
      const from = end + 4;
      if (waiting.length < from + length) return;
      take(JSON.parse(waiting.subarray(from, from + length).toString()) as Message);
      waiting = waiting.subarray(from + length);
    }
  });
}
