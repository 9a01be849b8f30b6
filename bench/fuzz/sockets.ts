import type { Random } from "./random.ts";
import { json } from "./requests.ts";

const paths = [
  "/v1/depots/a/parcels:talk",
  "/v1/depots/a/parcels:store",
  "/v1/dishes:watch?count=3",
  "/v1/ping",
  "/v1/depots/%zz/parcels:talk",
];

/** A WebSocket handshake and frames after it, as bytes; `head`: how many of them are the handshake. Source: RFC 6455. */
export function conversation(random: Random): { readonly bytes: Buffer; readonly head: number } {
  const headers = [
    "host: x",
    "connection: Upgrade",
    random.chance(0.95) ? "upgrade: websocket" : "upgrade: h2c",
    `sec-websocket-version: ${random.chance(0.97) ? 13 : random.pick([8, 0, "x"])}`,
    `sec-websocket-key: ${random.chance(0.97) ? "dGhlIHNhbXBsZSBub25jZQ==" : "x"}`,
  ];
  const protocol = random.pick([
    "mesh.v1+json",
    "mesh.v1+json",
    "mesh.v1+proto",
    "",
    "nope",
    "bearer.",
    "Bearer, x",
    "mesh.v1+json, bearer.%%",
    ",,",
  ]);
  if (protocol !== "") headers.push(`sec-websocket-protocol: ${protocol}`);
  if (random.chance(0.1)) headers.push(`origin: ${random.pick(["http://x", "https://evil", "null", "%%"])}`);
  if (random.chance(0.1)) headers.push("sec-websocket-extensions: permessage-deflate; server_max_window_bits=99");
  const head = Buffer.from(`GET ${random.pick(paths)} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`);
  const frames = Array.from({ length: random.below(6) }, () =>
    protocol === "mesh.v1+proto" && random.chance(0.5)
      ? frame(random, random.pick(parcels), 2)
      : frame(random, message(random)),
  );
  const bytes = Buffer.concat([
    head,
    ...frames,
    random.chance(0.6) ? frame(random, Buffer.from([3, 232]), 8) : Buffer.alloc(0),
  ]);
  return { bytes: random.chance(0.1) ? random.mutate(bytes) : bytes, head: head.length };
}

/** A parcel in bytes whose time no JSON has, one whose time is none, and one that ends early. */
const parcels = [
  Buffer.from([0x5a, 9, 8, 0x80, 0x80, 0x9a, 0xa6, 0xea, 0xaf, 0xe3, 1]),
  Buffer.from([0x5a, 2, 0x10, 1, 0x0a, 1, 0x61]),
  Buffer.from([0x5a, 9, 8]),
];

function message(random: Random): Buffer {
  if (random.chance(0.2))
    return Buffer.from(random.pick(['{"end":true}', "", "{}", '{"m":}', '{"end":false}', '{"m":1}{', "\ud800"]));
  const body = json(random);
  return random.chance(0.7) ? Buffer.concat([Buffer.from('{"m":'), body, Buffer.from("}")]) : body;
}

function frame(random: Random, payload: Buffer, opcode = random.chance(0.8) ? 1 : random.below(16)): Buffer {
  const masked = random.chance(0.98);
  const claimed = random.chance(0.02) ? random.pick([0, 2 ** 31, 65_536]) : payload.length;
  const first = (random.chance(0.9) ? 0x80 : 0) | (random.chance(0.02) ? 0x70 : 0) | opcode;
  const length =
    claimed < 126
      ? Buffer.from([claimed])
      : claimed < 65_536
        ? Buffer.from([126, claimed >> 8, claimed & 255])
        : Buffer.from([
            127,
            0,
            0,
            0,
            0,
            (claimed >>> 24) & 255,
            (claimed >>> 16) & 255,
            (claimed >>> 8) & 255,
            claimed & 255,
          ]);
  if (masked) length[0] = (length[0] as number) | 0x80;
  const mask = random.bytes(masked ? 4 : 0);
  const data = masked ? Buffer.from(payload.map((byte, at) => byte ^ (mask[at % 4] as number))) : payload;
  return Buffer.concat([Buffer.from([first]), length, mask, data]);
}

/** Bytes of no protocol, and beginnings of HTTP/2's preface. Frames of HTTP/2 are for grpc-js and Node to stand. */
export function noise(random: Random): Buffer {
  if (random.chance(0.7)) return random.bytes(random.below(300));
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  return random.mutate(preface.subarray(0, random.below(preface.length)));
}
