import { isIP } from "node:net";
import { extension, type Part, socketAddress } from "./part.ts";

/** Where the issuer of a provider's tokens publishes its keys. */
export function keysCluster(provider: string, uri: string): Part {
  const { hostname, port, protocol } = new URL(uri);
  const host = hostname.replace(/^\[|\]$/g, "");
  const tls = protocol === "https:";
  const name = `keys of ${provider}`;
  return {
    name,
    type: "LOGICAL_DNS",
    dns_lookup_family: "V4_PREFERRED",
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: socketAddress(host, Number(port || (tls ? 443 : 80))) }] }],
    },
    ...(tls && { transport_socket: upstreamTls({ serverName: host }) }),
  };
}

/** The authorities that Envoy's images trust: by itself Envoy trusts none, and checks nothing. */
const usualAuthorities = "/etc/ssl/certs/ca-certificates.crt";

/** TLS towards a server. */
export function upstreamTls({
  serverName,
  caFile,
  certFile,
  keyFile,
}: {
  readonly serverName: string;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}): Part {
  // A number is no name for SNI, and certificates have it as another kind of name. Source: RFC 6066, 3; RFC 5280, 4.2.1.6.
  const number = isIP(serverName) !== 0;
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: extension("transport_sockets.tls.v3.UpstreamTlsContext", {
      ...(!number && { sni: serverName }),
      common_tls_context: {
        ...(certFile !== undefined &&
          keyFile !== undefined && {
            tls_certificates: [{ certificate_chain: { filename: certFile }, private_key: { filename: keyFile } }],
          }),
        validation_context: {
          trusted_ca: { filename: caFile ?? usualAuthorities },
          match_typed_subject_alt_names: [{ san_type: number ? "IP_ADDRESS" : "DNS", matcher: { exact: serverName } }],
        },
      },
    }),
  };
}
