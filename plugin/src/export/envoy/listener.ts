import type { Listener } from "../deployment.ts";
import { extension, filterNames, type Part, socketAddress } from "./part.ts";

/** Where Envoy listens, and what it does with requests. Source: envoy.config.listener.v3.Listener. */
export function listenerOf(listener: Listener | undefined, filters: readonly Part[], virtualHost: Part): Part {
  const { host, port, tls } = listener ?? { host: "127.0.0.1", port: 8080, tls: undefined };
  // Envoy looks up no names to listen at.
  const address = host === "localhost" ? "127.0.0.1" : host;
  return {
    name: "protomesh",
    ...socketAddress(address, port),
    filter_chains: [
      {
        filters: [
          {
            name: "envoy.filters.network.http_connection_manager",
            typed_config: manager(filters, virtualHost),
          },
        ],
        ...(tls && { transport_socket: downstreamTls(tls) }),
      },
    ],
  };
}

/** No connection comes from the broadcast address. Without any range Envoy would trust all private networks. */
const nobody = { address_prefix: "255.255.255.255", prefix_len: 32 };

const manager = (filters: readonly Part[], virtualHost: Part): Part =>
  extension("filters.network.http_connection_manager.v3.HttpConnectionManager", {
    stat_prefix: "protomesh",
    // The address of the connection counts, and what clients say in x-envoy-* changes no policy.
    use_remote_address: true,
    internal_address_config: { cidr_ranges: [nobody] },
    normalize_path: true,
    // Streams are silent as long as the contract says.
    stream_idle_timeout: "0s",
    request_headers_timeout: "10s",
    // The route of what is nobody's leads to no cluster, on purpose.
    route_config: { name: "protomesh", validate_clusters: false, virtual_hosts: [virtualHost] },
    http_filters: [
      ...filters,
      {
        name: filterNames.router,
        typed_config: extension("filters.http.router.v3.Router", { suppress_envoy_headers: true }),
      },
    ],
  });

const downstreamTls = ({ certFile, keyFile, clientCaFile }: NonNullable<Listener["tls"]>): Part => ({
  name: "envoy.transport_sockets.tls",
  typed_config: extension("transport_sockets.tls.v3.DownstreamTlsContext", {
    ...(clientCaFile !== undefined && { require_client_certificate: true }),
    common_tls_context: {
      alpn_protocols: ["h2", "http/1.1"],
      tls_certificates: [{ certificate_chain: { filename: certFile }, private_key: { filename: keyFile } }],
      ...(clientCaFile !== undefined && { validation_context: { trusted_ca: { filename: clientCaFile } } }),
    },
  }),
});
