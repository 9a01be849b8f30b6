/** Negotiation against an independent implementation of RFC 9110. */
import type { IncomingMessage, ServerResponse } from "node:http";
import Negotiator from "negotiator";
import { expect, test } from "vitest";
import { choices } from "./accept.ts";
import { chooseCoding } from "./compression.ts";
import { chooseFraming } from "./framing.ts";

/** Reproducible numbers from 0 to 1. Source: Park and Miller, 1988. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** A header of up to five elements, each name once. */
function header(next: () => number, names: readonly string[]): string {
  const chosen = [...names].sort(() => next() - 0.5).slice(0, 1 + Math.floor(next() * 5));
  const weight = () => (next() < 0.4 ? "" : `;q=${["0", "0.1", "0.5", "0.999", "1.000"][Math.floor(next() * 5)]}`);
  return chosen.map((name) => name + weight()).join(next() < 0.5 ? ", " : ",");
}

const types = ["application/json", "application/x-ndjson", "application/ndjson", "text/event-stream"];

test.each(["LINES", "SSE", "ARRAY"] as const)(
  "a stream is acceptable when it is, and as much as can be, by default %s",
  (usual) => {
    const next = random(7);
    let refused = 0;
    for (let run = 0; run < 5000; run += 1) {
      const accept = header(next, [...types, "application/*", "text/*", "*/*", "text/html", "image/*"]);
      const [best] = new Negotiator({ headers: { accept } }).mediaTypes(types);
      if (best === undefined) {
        refused += 1;
        expect(() => chooseFraming(accept, usual), accept).toThrow("Accept asks for a form");
        continue;
      }
      const quality = (type: string) => {
        const wanted = new Map(choices(accept).map((one) => [one.name, one.quality]));
        return wanted.get(type) ?? wanted.get(type.replace(/[^/]*$/, "*")) ?? wanted.get("*/*") ?? 0;
      };
      expect(quality(chooseFraming(accept, usual).contentType), accept).toBe(quality(best));
    }
    expect(refused).toBeGreaterThan(100);
  },
);

test("a coding is acceptable when it is, and as much as can be", () => {
  const next = random(11);
  let coded = 0;
  for (let run = 0; run < 5000; run += 1) {
    const accepted = header(next, ["gzip", "br", "identity", "*", "deflate", "zstd"]);
    const req = { headers: { "accept-encoding": accepted } } as IncomingMessage;
    const res = { getHeader: () => undefined, setHeader: () => {} } as unknown as ServerResponse;
    const coding = chooseCoding(req, res, {}, { contentType: "application/json", length: 5000 });
    const wanted = new Map(choices(accepted).map((one) => [one.name, one.quality]));
    const quality = (name: string) => wanted.get(name) ?? wanted.get("*") ?? 0;
    const acceptable = new Negotiator({ headers: { "accept-encoding": accepted } }).encodings(["br", "gzip"]);
    if (coding === undefined) {
      // Nothing of ours is acceptable, or plain is wanted more.
      const best = Math.max(...acceptable.map(quality), 0);
      expect(best === 0 || quality("identity") > best, accepted).toBe(true);
      continue;
    }
    coded += 1;
    expect(acceptable, accepted).toContain(coding);
    expect(quality(coding), accepted).toBe(Math.max(...acceptable.map(quality)));
  }
  expect(coded).toBeGreaterThan(1000);
});
