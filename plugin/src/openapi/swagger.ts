import type { DescField, DescFile, DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";
import { type Decoded, decodeOption, type Kind, type Shape } from "./wire.ts";

/**
 * The number under which grpc-gateway extends options for its OpenAPI 2 generator. Its declarations are not compiled in:
 * what is worth having in OpenAPI 3.1 is read by number. Source: protoc-gen-openapiv2/options/openapiv2.proto.
 */
const extension = 1042;

const message = (shape: Shape): Kind => ({ message: () => shape });
const list = (kind: Kind): Kind => ({ repeated: kind });

const externalDocs: Shape = { description: [1, "string"], url: [2, "string"] };
const requirement: Shape = { schemes: [1, { map: message({ scope: [1, list("string")] }) }] };
const tag: Shape = { name: [1, "string"], description: [2, "string"], externalDocs: [3, message(externalDocs)] };
const scheme: Shape = {
  type: [1, "int"],
  description: [2, "string"],
  name: [3, "string"],
  in: [4, "int"],
  flow: [5, "int"],
  authorizationUrl: [6, "string"],
  tokenUrl: [7, "string"],
  scopes: [8, message({ scope: [1, { map: "string" }] })],
};
const swagger: Shape = {
  info: [
    2,
    message({
      title: [1, "string"],
      description: [2, "string"],
      termsOfService: [3, "string"],
      contact: [4, message({ name: [1, "string"], url: [2, "string"], email: [3, "string"] })],
      license: [5, message({ name: [1, "string"], url: [2, "string"] })],
      version: [6, "string"],
    }),
  ],
  host: [3, "string"],
  basePath: [4, "string"],
  schemes: [5, list("int")],
  securityDefinitions: [11, message({ security: [1, { map: message(scheme) }] })],
  security: [12, list(message(requirement))],
  tags: [13, list(message(tag))],
  externalDocs: [14, message(externalDocs)],
};
const operation: Shape = {
  tags: [1, list("string")],
  summary: [2, "string"],
  description: [3, "string"],
  externalDocs: [4, message(externalDocs)],
  operationId: [5, "string"],
  responses: [9, { map: message({ description: [1, "string"] }) }],
  deprecated: [11, "bool"],
  security: [12, list(message(requirement))],
};
const jsonSchema: Shape = {
  title: [5, "string"],
  description: [6, "string"],
  default: [7, "string"],
  readOnly: [8, "bool"],
  example: [9, "string"],
  multipleOf: [10, "double"],
  maximum: [11, "double"],
  exclusiveMaximum: [12, "bool"],
  minimum: [13, "double"],
  exclusiveMinimum: [14, "bool"],
  maxLength: [15, "int"],
  minLength: [16, "int"],
  pattern: [17, "string"],
  maxItems: [20, "int"],
  minItems: [21, "int"],
  uniqueItems: [22, "bool"],
  maxProperties: [24, "int"],
  minProperties: [25, "int"],
  required: [26, list("string")],
  format: [36, "string"],
  enum: [46, list("string")],
};
const schema: Shape = {
  jsonSchema: [1, message(jsonSchema)],
  example: [6, "string"],
};

/** A reference to documentation elsewhere. */
export interface ExternalDocs {
  readonly description?: string;
  readonly url?: string;
}

/** Any one of several; each names schemes with the scopes they need. */
export interface Requirement {
  readonly schemes?: { readonly [scheme: string]: { readonly scope?: readonly string[] } };
}

/** `openapiv2_tag`, and what a Swagger object says about a tag. */
export interface Tag {
  readonly name?: string;
  readonly description?: string;
  readonly externalDocs?: ExternalDocs;
}

/** A security scheme of OpenAPI 2; enums are their numbers. */
export interface SecurityScheme {
  readonly type?: bigint;
  readonly description?: string;
  readonly name?: string;
  readonly in?: bigint;
  readonly flow?: bigint;
  readonly authorizationUrl?: string;
  readonly tokenUrl?: string;
  readonly scopes?: { readonly scope?: { readonly [name: string]: string } };
}

/** `openapiv2_swagger`. */
export interface Swagger {
  readonly info?: {
    readonly title?: string;
    readonly description?: string;
    readonly termsOfService?: string;
    readonly contact?: { readonly name?: string; readonly url?: string; readonly email?: string };
    readonly license?: { readonly name?: string; readonly url?: string };
    readonly version?: string;
  };
  readonly host?: string;
  readonly basePath?: string;
  readonly schemes?: readonly bigint[];
  readonly securityDefinitions?: { readonly security?: { readonly [name: string]: SecurityScheme } };
  readonly security?: readonly Requirement[];
  readonly tags?: readonly Tag[];
  readonly externalDocs?: ExternalDocs;
}

/** `openapiv2_operation`. */
export interface SwaggerOperation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly externalDocs?: ExternalDocs;
  readonly operationId?: string;
  readonly responses?: { readonly [status: string]: { readonly description?: string } };
  readonly deprecated?: boolean;
  readonly security?: readonly Requirement[];
}

/** What grpc-gateway's annotation says about a file; nothing when there is none. */
export const swaggerOf = (file: DescFile): Swagger => read(file, swagger);

/** What grpc-gateway's annotation says about a method. */
export const operationOf = (method: DescMethod): SwaggerOperation => read(method, operation);

/** What grpc-gateway's annotation says about a service. */
export const tagOf = (service: DescService): Tag => read(service, tag);

/** JSON Schema keywords of a field by grpc-gateway's annotation, numbers as numbers, `example` as its text. */
export const fieldSchemaOf = (field: DescField): Decoded => numbers(read<Decoded>(field, jsonSchema));

/** The same of a message, with its `example`. */
export function messageSchemaOf(desc: DescMessage): { readonly keywords: Decoded; readonly example?: string } {
  const { jsonSchema: keywords = {}, example } = read<{ jsonSchema?: Decoded; example?: string }>(desc, schema);
  const text = example ?? keywords.example;
  return { keywords: numbers(keywords), ...(typeof text === "string" && { example: text }) };
}

const read = <T>(desc: Parameters<typeof decodeOption>[0], shape: Shape): T =>
  (decodeOption(desc, extension, message(shape)) ?? {}) as T;

const numbers = (values: Decoded): Decoded =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value]),
  );
