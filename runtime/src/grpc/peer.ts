import type { ServerInterceptingCallInterface } from "@grpc/grpc-js";
import type { Peer, PeerCertificate } from "../core/call.ts";
import { peerCertificate } from "../core/certificate.ts";

/** The caller of a call. The certificate is looked at only when somebody asks: parsing it costs more than a small call. */
export class WirePeer implements Peer {
  readonly address: string;
  readonly #wire: ServerInterceptingCallInterface;
  #certificate: PeerCertificate | null | undefined;

  constructor(wire: ServerInterceptingCallInterface, noAddress: string) {
    const address = wire.getConnectionInfo().remoteAddress ?? noAddress;
    // How a socket that serves IPv4 and IPv6 writes an IPv4 address.
    this.address = address.startsWith("::ffff:") ? address.slice(7) : address;
    this.#wire = wire;
  }

  /** grpc-js shows the certificate only when an authority that the server trusts has signed it. */
  get certificate(): PeerCertificate | undefined {
    if (this.#certificate === undefined) {
      const certificate = this.#wire.getAuthContext().sslPeerCertificate;
      this.#certificate = certificate ? peerCertificate(certificate) : null;
    }
    return this.#certificate ?? undefined;
  }
}
