/** Where Envoy listens, what it is in front of, and what it knows of the service. */
export interface EnvoyOptions {
  readonly port: number;
  readonly backend: number;
  /** Path of a FileDescriptorSet. */
  readonly descriptors: string;
}

const address = (port: number) => ({ socket_address: { address: "127.0.0.1", port_value: port } });
const type = (name: string) => `type.googleapis.com/envoy.extensions.${name}`;

/** A bootstrap that transcodes the bench's service and does nothing else. */
export const envoyConfig = ({ port, backend, descriptors }: EnvoyOptions) => ({
  static_resources: {
    listeners: [{ address: address(port), filter_chains: [{ filters: [connectionManager(descriptors)] }] }],
    clusters: [
      {
        name: "bench",
        type: "STATIC",
        load_assignment: {
          cluster_name: "bench",
          endpoints: [{ lb_endpoints: [{ endpoint: { address: address(backend) } }] }],
        },
        typed_extension_protocol_options: {
          "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": type("upstreams.http.v3.HttpProtocolOptions"),
            explicit_http_config: { http2_protocol_options: {} },
          },
        },
      },
    ],
  },
});

const connectionManager = (descriptors: string) => ({
  name: "envoy.filters.network.http_connection_manager",
  typed_config: {
    "@type": type("filters.network.http_connection_manager.v3.HttpConnectionManager"),
    stat_prefix: "bench",
    route_config: {
      virtual_hosts: [
        {
          name: "all",
          domains: ["*"],
          routes: [{ match: { prefix: "/" }, route: { cluster: "bench", timeout: "60s" } }],
        },
      ],
    },
    http_filters: [
      {
        name: "envoy.filters.http.grpc_json_transcoder",
        typed_config: {
          "@type": type("filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder"),
          proto_descriptor: descriptors,
          services: ["bench.v1.Bench"],
          print_options: { always_print_primitive_fields: true },
          convert_grpc_status: true,
        },
      },
      { name: "envoy.filters.http.router", typed_config: { "@type": type("filters.http.router.v3.Router") } },
    ],
  },
});
