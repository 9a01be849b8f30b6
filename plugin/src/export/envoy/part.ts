/** A part of an Envoy configuration, by the names of its proto files. */
export type Part = { readonly [key: string]: unknown };

/** A configuration of an extension, such as `filters.http.router.v3.Router`. */
export const extension = (type: string, config: Part = {}): Part => ({
  "@type": `type.googleapis.com/envoy.extensions.${type}`,
  ...config,
});

/** An address. */
export const socketAddress = (host: string, port: number): Part => ({
  address: { socket_address: { address: host, port_value: port } },
});

/** The filters in the order in which a request passes them. */
export const filterNames = {
  cors: "envoy.filters.http.cors",
  transcoder: "envoy.filters.http.grpc_json_transcoder",
  jwt: "envoy.filters.http.jwt_authn",
  rbac: "envoy.filters.http.rbac",
  rateLimit: "envoy.filters.http.local_ratelimit",
  shadow: "envoy.filters.http.local_ratelimit.shadow",
  buffer: "envoy.filters.http.buffer",
  concurrency: "envoy.filters.http.adaptive_concurrency",
  router: "envoy.filters.http.router",
} as const;
