import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import type { Peer } from "../core/call.ts";
import type { Metadata } from "../core/metadata.ts";
import { peerOf } from "./peer.ts";

/** Where a request came from, as far as trusted proxies say. */
export interface Origin {
  readonly peer: Peer;
  /** The host that the client asked for, when a proxy says another than the request does; still with its port. */
  readonly host: string | undefined;
  /** The scheme that the client used, `https` or `http`, when a proxy says it. */
  readonly proto: string | undefined;
  /** Adds what the next server may know: `x-forwarded-for` and so on, in place of what a client sent under those names. */
  tell(metadata: Metadata, req: IncomingMessage): void;
}

/** Finds out where a request came from. */
export type OriginReader = (req: IncomingMessage) => Origin;

/** Which headers the trusted proxies write. Whoever writes one kind passes on the other as a client sent it. */
export type ForwardedHeader = "x-forwarded" | "forwarded";

/** Addresses by name, as CIDR. Source: RFC 1122, RFC 3927, RFC 1918, RFC 4193, RFC 4291. */
const named: { readonly [name: string]: readonly string[] } = {
  loopback: ["127.0.0.0/8", "::1/128"],
  linklocal: ["169.254.0.0/16", "fe80::/10"],
  private: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
};

/** One proxy's part of the way: who spoke to it, and what for. */
interface Hop {
  /** As it was sent: with a port, in brackets, or no address at all. */
  readonly from: string;
  readonly host: string | undefined;
  readonly proto: string | undefined;
}

/**
 * Compiles which proxies are trusted: addresses, networks (`10.0.0.0/8`), `loopback`, `linklocal`, `private`, and `unix` for
 * whoever connects by a socket file. The client is then the last address on the way that is not one of them; what stands
 * before it anybody can have written.
 *
 * Throws a TypeError for what is no network.
 */
export function originReader(proxies: readonly string[], header: ForwardedHeader = "x-forwarded"): OriginReader {
  const trusts = trustOf(proxies);
  if (header !== "x-forwarded" && header !== "forwarded")
    throw new TypeError(`forwardedHeader is ${JSON.stringify(header)}: use "x-forwarded" or "forwarded"`);
  const hopsOf = header === "forwarded" ? forwardedHops : xForwardedHops;
  return (req) => {
    const direct = peerOf(req.socket);
    const way = [direct.address];
    if (!trusts(direct.address)) return new Direct(direct, way, undefined, undefined);
    const hops = hopsOf(req);
    let peer: Peer = direct;
    for (let at = hops.length - 1; at >= 0 && trusts(way[0] as string); at--) {
      const address = addressOf((hops[at] as Hop).from);
      if (address === undefined) break;
      way.unshift(address);
      // The certificate of the connection is the proxy's.
      peer = { address };
    }
    const last = hops.at(-1);
    return new Direct(peer, way, plainHost(last?.host), plainProto(last?.proto));
  };
}

/** Only of requests to gateways with trusted proxies. */
const origins = new WeakMap<IncomingMessage, Origin>();

/** Keeps where a request came from for whoever makes the call of it. */
export function keepOrigin(req: IncomingMessage, origin: Origin): void {
  origins.set(req, origin);
}

/** Where a request came from; undefined when no proxies are trusted, so that its connection says it all. */
export const originOf = (req: IncomingMessage): Origin | undefined => origins.get(req);

class Direct implements Origin {
  readonly peer: Peer;
  readonly host: string | undefined;
  readonly proto: string | undefined;
  readonly #way: readonly string[];

  constructor(peer: Peer, way: readonly string[], host: string | undefined, proto: string | undefined) {
    this.peer = peer;
    this.host = host;
    this.proto = proto;
    this.#way = way;
  }

  tell(metadata: Metadata, req: IncomingMessage): void {
    const host = this.host ?? plainHost(req.headers.host);
    metadata.set("x-forwarded-for", this.#way.join(", "));
    if (host === undefined) metadata.delete("x-forwarded-host");
    else metadata.set("x-forwarded-host", host);
    const secure = (req.socket as { readonly encrypted?: boolean }).encrypted === true;
    metadata.set("x-forwarded-proto", this.proto ?? (secure ? "https" : "http"));
  }
}

/** The way by `X-Forwarded-For`, to which every proxy appends; host and scheme are what the nearest one says. */
function xForwardedHops({ headers }: IncomingMessage): Hop[] {
  const list = (name: string) => {
    const value = headers[name];
    return value === undefined ? [] : String(value).split(",");
  };
  const host = list("x-forwarded-host").at(-1)?.trim();
  const proto = list("x-forwarded-proto").at(-1)?.trim();
  const ways = list("x-forwarded-for");
  return (ways.length > 0 ? ways : [""]).map((from) => ({ from: from.trim(), host, proto }));
}

/** Clients write the beginning of the header, and quotes that never end take long to look through. */
const longestForwarded = 2048;

/** The way by `Forwarded`; one that is too long says nothing. Source: RFC 7239, 4. */
function forwardedHops({ headers }: IncomingMessage): Hop[] {
  const text = String(headers.forwarded ?? "");
  if (text.length > longestForwarded) return [];
  return (text.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? []).map((element) => {
    const pairs = new Map<string, string>();
    for (const [, name = "", value = ""] of element.matchAll(/([a-z]+)=("(?:[^"\\]|\\.)*"|[^;,\s"]*)/gi)) {
      pairs.set(name.toLowerCase(), value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value);
    }
    return { from: pairs.get("for") ?? "", host: pairs.get("host"), proto: pairs.get("proto") };
  });
}

/** The IP address of a hop, without a port; undefined for names, `unknown` and nonsense. */
function addressOf(text: string): string | undefined {
  const [, bracketed, v4] = /^(?:\[([^\]]*)\](?::\d*)?|(\d+\.\d+\.\d+\.\d+)(?::\d*)?)$/.exec(text) ?? [];
  const address = plain(bracketed ?? v4 ?? text);
  return isIP(address) === 0 || address.includes("%") ? undefined : address;
}

/** An IPv4 address in IPv6 clothes is compared as what it is. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, "");

const plainHost = (text: string | undefined): string | undefined =>
  text !== undefined && text.length <= 261 && /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(text)
    ? text
    : undefined;

const plainProto = (text: string | undefined): string | undefined =>
  text !== undefined && /^https?$/i.test(text) ? text.toLowerCase() : undefined;

function trustOf(proxies: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  let unix = false;
  for (const proxy of proxies) {
    if (proxy === "unix") {
      unix = true;
      continue;
    }
    for (const network of Object.hasOwn(named, proxy) ? (named[proxy] ?? []) : [String(proxy)]) {
      const [, address = "", bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(network) ?? [];
      const family = isIP(address);
      const all = family === 4 ? 32 : 128;
      if (family === 0 || Number(bits ?? 0) > all)
        throw new TypeError(
          `trustedProxies has ${JSON.stringify(proxy)}: use an address, a network such as "10.0.0.0/8", or ${Object.keys(named).join(", ")} or unix`,
        );
      list.addSubnet(address, Number(bits ?? all), family === 4 ? "ipv4" : "ipv6");
    }
  }
  return (address) => {
    if (address === "unix") return unix;
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? "ipv4" : "ipv6");
  };
}
