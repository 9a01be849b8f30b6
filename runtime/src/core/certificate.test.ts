import { expect, test } from "vitest";
import { peerCertificate } from "./certificate.ts";

test("alternative names with commas and quotes are read as one", () => {
  const names = 'URI:"spiffe://a/b,DNS:evil", DNS:good.test, IP Address:10.0.0.1, URI:"say \\"hi\\""';

  expect(peerCertificate({ subjectaltname: names, fingerprint256: "AB" })).toEqual({
    uris: ["spiffe://a/b,DNS:evil", 'say "hi"'],
    dns: ["good.test"],
    fingerprint: "AB",
  });
  expect(peerCertificate({ fingerprint256: "AB" })).toEqual({ uris: [], dns: [], fingerprint: "AB" });
});
