import type { UniversalServerResponse } from "@connectrpc/connect/protocol";

/** Texts by which Connect's library says that the bytes of a request were no message, or not compressed as they claim. */
const unreadable = /^(?:parse binary: |decompression failed)/;

/**
 * What cannot be read is the caller's fault: the library answers it with `internal`, and 500. Source: the Connect protocol,
 * "Error Codes": `invalid_argument` for a request that is invalid regardless of the state of the system.
 */
export async function callersFault(response: UniversalServerResponse): Promise<UniversalServerResponse> {
  if (response.status !== 500 || response.body === undefined) return response;
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const error = JSON.parse(bytes.toString()) as { readonly code?: string; readonly message?: string };
  if (error.code !== "internal" || !unreadable.test(error.message ?? "")) return { ...response, body: once(bytes) };
  const header = new Headers(response.header);
  header.delete("content-length");
  return {
    ...response,
    status: 400,
    header,
    body: once(Buffer.from(JSON.stringify({ ...error, code: "invalid_argument" }))),
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
