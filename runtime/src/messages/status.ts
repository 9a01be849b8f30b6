import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { codeName, codeNumber, type ErrorDetail, type RpcError } from "../core/error.ts";
import { StatusSchema } from "./gen/google/rpc/status_pb.ts";

/** What Any puts before a message's name. Source: google/protobuf/any.proto. */
const typeUrlPrefix = "type.googleapis.com/";

/**
 * A detail for `RpcErrorOptions.details`, from a message that protobuf-es generated.
 *
 * `detail(RetryInfo, { retryDelay: { seconds: 2n } })`. Messages of other generators need no help:
 * `{ type: "acme.v1.Why", value: Why.encode(why).finish() }` is a detail.
 */
export const detail = <Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): ErrorDetail => ({
  type: schema.typeName,
  value: toBinary(schema, create(schema, init)),
});

/**
 * The first detail of this type that an error carries. Undefined when it has none, when what was caught is no
 * RpcError, and when the peer sent bytes that are not such a message.
 */
export function findDetail<Desc extends DescMessage>(error: unknown, schema: Desc): MessageShape<Desc> | undefined {
  const details = (error as Partial<RpcError> | null | undefined)?.details;
  if (!Array.isArray(details)) return undefined;
  const found = (details as readonly ErrorDetail[]).find(({ type }) => type === schema.typeName);
  if (!found) return undefined;
  try {
    return fromBinary(schema, found.value);
  } catch {
    return undefined; // The peer's mistake; the error itself is still what the caller must handle.
  }
}

/** The value of `grpc-status-details-bin` for an error. */
export const encodeStatus = ({ code, text, details }: Pick<RpcError, "code" | "text" | "details">): Uint8Array =>
  toBinary(
    StatusSchema,
    create(StatusSchema, {
      code: codeNumber(code),
      message: text,
      details: details.map(({ type, value }) => ({ typeUrl: typeUrlPrefix + type, value })),
    }),
  );

/** What `grpc-status-details-bin` says, or undefined when its bytes are not a google.rpc.Status. */
export function decodeStatus(bytes: Uint8Array): Pick<RpcError, "code" | "text" | "details"> | undefined {
  try {
    const { code, message, details } = fromBinary(StatusSchema, bytes);
    return {
      code: codeName(code),
      text: message,
      details: details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value })),
    };
  } catch {
    return undefined; // A damaged detail must not hide the status it came with.
  }
}
