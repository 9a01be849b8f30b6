import { createRegistry, type DescMessage, fromBinary, type Registry, toJson } from "@bufbuild/protobuf";
import {
  BadRequest,
  codeNumber,
  DebugInfo,
  type ErrorDetail,
  ErrorInfo,
  Help,
  LocalizedMessage,
  PreconditionFailure,
  QuotaFailure,
  RequestInfo,
  ResourceInfo,
  RetryInfo,
  type RpcError,
} from "@protomesh/runtime";

/** The details that every tool knows. Source: google/rpc/error_details.proto. */
const standard = createRegistry(
  BadRequest,
  DebugInfo,
  ErrorInfo,
  Help,
  LocalizedMessage,
  PreconditionFailure,
  QuotaFailure,
  RequestInfo,
  ResourceInfo,
  RetryInfo,
);

/** The exit code of a failed call, 65 to 80. Source: grpcurl, whose exit code is 64 plus the status code. */
export const exitCodeOf = ({ code }: RpcError): number => 64 + codeNumber(code);

/** A failed call for a person: code, text, and a line for each detail, as JSON where its type is known. */
export async function describeFailure(
  { code, text, details }: RpcError,
  typeOf: (name: string) => Promise<DescMessage | undefined>,
): Promise<string> {
  const lines = [`${code} (${codeNumber(code)})${text === "" ? "" : `: ${text}`}`];
  for (const detail of details) {
    const type = standard.getMessage(detail.type) ?? (await typeOf(detail.type).catch(() => undefined));
    lines.push(`  ${detail.type} ${print(detail, type)}`);
  }
  return printable(lines.join("\n"));
}

/** What a server says, over lines of its own, but without what would make a terminal do something. */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (one) => {
    return `\\x${one.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });

function print({ value }: ErrorDetail, type: DescMessage | undefined): string {
  try {
    if (type) return JSON.stringify(toJson(type, fromBinary(type, value), { registry: registryOf(type) }));
  } catch {
    // The bytes are no such message; they are still worth showing.
  }
  return `(${value.length} bytes) ${Buffer.from(value).toString("base64")}`;
}

const registryOf = (type: DescMessage): Registry => createRegistry(type, standard);
