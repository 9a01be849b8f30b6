/** The public surface: generated code and applications import from here alone. */
export { type ClientOptions, createClient, policyOf } from "./client.ts";
export { type ConfigOptions, type LoadedConfig, loadConfig, type Reload } from "./config/load.ts";
export type { Call, Peer, PeerCertificate, Principal } from "./core/call.ts";
export { CallContext, type CallOptions, detached } from "./core/context.ts";
export type { Criticality } from "./core/criticality.ts";
export { type Decision, policyChannel } from "./core/decision.ts";
export { type Code, codeNumber, type ErrorDetail, RpcError, type RpcErrorOptions } from "./core/error.ts";
export type { Handler, Layer } from "./core/layer.ts";
export { Metadata, type MetadataInit, type MetadataValue } from "./core/metadata.ts";
export type { AuthProvider, Credentials } from "./core/policy.ts";
export type { PolicySource } from "./core/policy-source.ts";
export type {
  AuthRule,
  AuthVariables,
  Codec,
  MethodKind,
  MethodSpec,
  PathVariable,
  Route,
  ServiceSpec,
} from "./core/spec.ts";
export type { Store, StoreOptions } from "./core/store.ts";
export { onEnd, whenOver } from "./core/stream.ts";
export type { Target } from "./core/target.ts";
export type { LayerSite, UserLayer } from "./core/user-layer.ts";
export type { OnRequest, RequestRecord } from "./gateway/access.ts";
export { type Composition, type CompositionPart, compose } from "./gateway/compose/options.ts";
export type { CorsOptions } from "./gateway/cors.ts";
export type { DocsOptions } from "./gateway/docs/docs.ts";
export type { GatewayService } from "./gateway/endpoint.ts";
export type { ForwardedHeader } from "./gateway/forwarded.ts";
export { createGateway, type Gateway, type GatewayOptions } from "./gateway/gateway.ts";
export { type MountedHandler, type MountOptions, principalOf } from "./gateway/mount.ts";
export type { TrailingSlash } from "./gateway/routing/router.ts";
export type { WebSocketOptions } from "./gateway/websocket/options.ts";
export { type ConnectOptions, connect } from "./grpc/connect.ts";
export type { Keepalive } from "./grpc/options.ts";
export type { ClientTls, Pem } from "./grpc/tls.ts";
export { inProcess } from "./in-process.ts";
export { type EsCodec, esCodec, type TsProtoFns, tsProtoCodec } from "./messages/codec.ts";
export {
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
} from "./messages/details.ts";
export { detail, findDetail } from "./messages/status.ts";
export {
  type ApiKey,
  type ApiKeyOptions,
  apiKeys,
  claimAt,
  claimHas,
  type JwtOptions,
  jwt,
  type MtlsCaller,
  type MtlsOptions,
  mtls,
} from "./policies/auth.ts";
export type { MethodPolicy } from "./policies/index.ts";
export type { ServerState } from "./serve/drain.ts";
export type { MountedAt, ServeGatewayOptions } from "./serve/gateway-options.ts";
export type { DrainOptions, GrpcDoorOptions, HttpDoorOptions, Logger, ServeOptions } from "./serve/options.ts";
export { type RunningServer, serve } from "./serve/serve.ts";
export type { StopSignal } from "./serve/signals.ts";
export { type Implementation, implement, type ServerOptions } from "./server.ts";
export { defineService, type ServiceData } from "./service.ts";
export type { HealthState, ServingStatus } from "./services/health.ts";
export { Health } from "./services/health-spec.ts";
export { reflectionSpec, type ServerReflection } from "./services/reflection-spec.ts";
export type { ClientPlace, ServerPlace } from "./stack.ts";
export { recordDecisions, type TelemetryApi } from "./telemetry.ts";
