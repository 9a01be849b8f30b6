// The client that generated `_rest.ts` files call. Runs in browsers: nothing here needs Node or grpc-js.
export type { CallOptions } from "../core/context.ts";
export { type Code, RpcError } from "../core/error.ts";
export { Metadata, type MetadataInit } from "../core/metadata.ts";
export { createRestClient, type RestMethodSpec, type RestMethods } from "./client.ts";
export { RestError, type StatusDetail } from "./error.ts";
export type { RestHeaders, RestOptions, WebSocketClass, WebSocketLike } from "./options.ts";
export type { RestRoute } from "./request.ts";
export type { Fits, Shape, Tables } from "./tables.ts";
