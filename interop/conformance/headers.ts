import { create } from "@bufbuild/protobuf";
import { Metadata } from "@protomesh/runtime";
import { type Header, HeaderSchema } from "./gen/connectrpc/conformance/v1/service_pb.ts";

/** Adds the runner's headers, whose bytes are base64. */
export function addHeaders(metadata: Metadata, headers: readonly Header[]): Metadata {
  for (const { name, value } of headers) {
    const binary = name.toLowerCase().endsWith("-bin");
    for (const one of value) metadata.append(name, binary ? Buffer.from(one, "base64") : one);
  }
  return metadata;
}

/** Metadata as the runner compares it. */
export function headersOf(metadata: Metadata | undefined): Header[] {
  const headers = new Map<string, Header>();
  for (const [name, value] of metadata ?? new Metadata()) {
    const header = headers.get(name) ?? create(HeaderSchema, { name });
    headers.set(name, header);
    header.value.push(typeof value === "string" ? value : Buffer.from(value).toString("base64").replace(/=+$/, ""));
  }
  return [...headers.values()];
}
