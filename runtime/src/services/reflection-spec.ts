import { fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { CallOptions } from "../core/context.ts";
import type { ServiceSpec } from "../core/spec.ts";
import { esCodec } from "../messages/codec.ts";
import type { AuthConfig } from "../policies/index.ts";
import { defineService } from "../service.ts";
import { descriptorsOf } from "./descriptor-set.ts";
import {
  file_grpc_reflection_v1_reflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "./gen/grpc/reflection/v1/reflection_pb.ts";

/** `grpc.reflection.v1.ServerReflection`: tells tools what a server serves. */
export interface ServerReflection {
  /** One answer per question, in order. */
  serverReflectionInfo(
    request: AsyncIterable<ServerReflectionRequest>,
    options?: CallOptions,
  ): AsyncIterable<ServerReflectionResponse>;
}

/** The versions of the protocol that tools in use speak. */
export const reflectionVersions = ["v1", "v1alpha"] as const;
export type ReflectionVersion = (typeof reflectionVersions)[number];

const everybody: AuthConfig = { access: "PUBLIC", providers: [], scopes: [], audiences: [] };

/**
 * One version of the service, open to whom `auth` says. v1alpha differs from v1 in its package name alone.
 * `createClient(reflectionSpec("v1"), target)` asks another server what it serves.
 */
export function reflectionSpec(
  version: ReflectionVersion,
  auth: AuthConfig = everybody,
): ServiceSpec<ServerReflection> {
  const rename = (text: string) => text.replaceAll("grpc.reflection.v1", `grpc.reflection.${version}`);
  const json = toJsonString(FileDescriptorProtoSchema, file_grpc_reflection_v1_reflection.proto);
  const proto = fromJsonString(
    FileDescriptorProtoSchema,
    rename(json).replace("grpc/reflection/v1/", `grpc/reflection/${version}/`),
  );
  const request = esCodec(ServerReflectionRequestSchema);
  const reply = esCodec(ServerReflectionResponseSchema);
  return defineService<ServerReflection>({
    format: 1,
    name: `grpc.reflection.${version}.ServerReflection`,
    descriptors: descriptorsOf({ proto }),
    methods: {
      serverReflectionInfo: {
        name: "ServerReflectionInfo",
        kind: "bidi",
        request: { ...request, typeName: rename(request.typeName) },
        reply: { ...reply, typeName: rename(reply.typeName) },
        policy: { auth },
      },
    },
  });
}
