import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Code, codeNumber } from "../core/error.ts";
import type { ServiceSpec } from "../core/spec.ts";
import type { AuthConfig } from "../policies/index.ts";
import { type Implementation, implement } from "../server.ts";
import { DescriptorIndex } from "./descriptor-index.ts";
import {
  type ServerReflectionRequest,
  ServerReflectionResponseSchema,
} from "./gen/grpc/reflection/v1/reflection_pb.ts";
import { reflectionSpec, reflectionVersions } from "./reflection-spec.ts";

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

/**
 * Serves server reflection, v1 and v1alpha, for these services and for itself.
 *
 * `auth` says who may ask; default: everybody. Descriptors are decoded at the first question.
 */
export function reflectionServices(services: readonly ServiceSpec[], auth?: AuthConfig): Implementation[] {
  const specs = reflectionVersions.map((version) => reflectionSpec(version, auth));
  const all = [...services, ...specs];
  let index: DescriptorIndex | undefined;
  return specs.map((spec) =>
    implement(spec, {
      async *serverReflectionInfo(requests) {
        index ??= new DescriptorIndex(all.map(({ descriptors }) => descriptors));
        const sent = new Set<string>();
        for await (const request of requests) {
          yield create(ServerReflectionResponseSchema, {
            validHost: request.host,
            originalRequest: request,
            messageResponse: answer(request, all, index, sent),
          });
        }
      },
    }),
  );
}

function answer(
  { messageRequest: question }: ServerReflectionRequest,
  services: readonly ServiceSpec[],
  index: DescriptorIndex,
  sent: Set<string>,
): Answer {
  switch (question.case) {
    case "listServices":
      return { case: "listServicesResponse", value: { service: services.map(({ name }) => ({ name })) } };
    case "fileByFilename":
      return files(index, question.value, sent, `no file ${JSON.stringify(question.value)}`);
    case "fileContainingSymbol":
      return files(index, index.fileOfSymbol(question.value), sent, `no symbol ${JSON.stringify(question.value)}`);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = question.value;
      const file = index.fileOfExtension(containingType, extensionNumber);
      return files(index, file, sent, `no extension ${extensionNumber} of ${JSON.stringify(containingType)}`);
    }
    case "allExtensionNumbersOfType": {
      const extensionNumber = index.extensionNumbers(question.value);
      if (!extensionNumber) return failure("NOT_FOUND", `no message ${JSON.stringify(question.value)}`);
      return { case: "allExtensionNumbersResponse", value: { baseTypeName: question.value, extensionNumber } };
    }
    case undefined:
      return failure("INVALID_ARGUMENT", "the request asks nothing that this server knows");
  }
}

function files(index: DescriptorIndex, name: string | undefined, sent: Set<string>, otherwise: string): Answer {
  const fileDescriptorProto = name === undefined ? undefined : index.withImports(name, sent);
  if (!fileDescriptorProto) return failure("NOT_FOUND", otherwise);
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

const failure = (code: Code, errorMessage: string): Answer => ({
  case: "errorResponse",
  value: { errorCode: codeNumber(code), errorMessage },
});
