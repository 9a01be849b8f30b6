import type { PeerCertificate } from "./call.ts";

/** One entry of OpenSSL's list of names. Node.js writes a value with a comma or a quote in it as a JSON string. */
const altName = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g;

/** The parts of a verified certificate that identify its owner. */
export function peerCertificate(certificate: { subjectaltname?: string; fingerprint256: string }): PeerCertificate {
  const uris: string[] = [];
  const dns: string[] = [];
  for (const [, kind, text = ""] of (certificate.subjectaltname ?? "").matchAll(altName)) {
    const value = text.startsWith('"') ? (JSON.parse(text) as string) : text;
    if (kind === "URI") uris.push(value);
    else if (kind === "DNS") dns.push(value);
  }
  return { uris, dns, fingerprint: certificate.fingerprint256 };
}
