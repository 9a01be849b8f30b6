import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Codec } from "../core/spec.ts";

/** What ts-proto exports for a message, as far as the runtime needs it. */
export interface TsProtoFns<T> {
  readonly $type?: string;
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/**
 * Codec of a message that ts-proto generated.
 *
 * With ts-proto's `outputTypeAnnotations=static-only`, naming the wrong message is a compile error.
 */
export const tsProtoCodec = <T, const Name extends string>(
  typeName: Name,
  fns: TsProtoFns<T> & { readonly $type?: NoInfer<Name> },
): Codec<T> => ({
  typeName,
  encode: (message) => fns.encode(message).finish(),
  decode: (bytes) => fns.decode(bytes),
});

/** A codec that knows its descriptor, so that JSON needs no detour over bytes. */
export interface EsCodec<T> extends Codec<T> {
  readonly schema: DescMessage;
}

/** Codec of a message that protobuf-es generated. */
export const esCodec = <Desc extends DescMessage>(schema: Desc): EsCodec<MessageShape<Desc>> => ({
  typeName: schema.typeName,
  schema,
  encode: (message) => toBinary(schema, message),
  decode: (bytes) => fromBinary(schema, bytes),
});
