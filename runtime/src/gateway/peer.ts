import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Peer } from "../core/call.ts";
import { peerCertificate } from "../core/certificate.ts";

const peers = new WeakMap<Socket, Peer>();

/** Who is at the other end of a connection. Worked out once per connection. */
export function peerOf(socket: Socket): Peer {
  let peer = peers.get(socket);
  if (!peer) {
    peer = { address: addressOf(socket), certificate: certificateOf(socket) };
    peers.set(socket, peer);
  }
  return peer;
}

/** An IPv4 client of a socket that listens on both families is shown by its IPv4 address. */
const addressOf = ({ remoteAddress }: Socket): string => remoteAddress?.replace(/^::ffff:(?=\d+\.)/, "") ?? "unix";

/** The client's certificate, when TLS asked for one and could verify it. */
function certificateOf(socket: Socket) {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const certificate = socket.getPeerCertificate();
  return certificate.fingerprint256 ? peerCertificate(certificate) : undefined;
}
