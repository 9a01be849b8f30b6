import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { callOf, type Principal } from "../core/call.ts";
import { Cancellation } from "../core/cancellation.ts";
import type { Clock } from "../core/clock.ts";
import type { CallContext } from "../core/context.ts";
import { RpcError } from "../core/error.ts";
import { checkKeys, keysOf } from "../core/known-keys.ts";
import type { Handler } from "../core/layer.ts";
import type { Report } from "../core/report.ts";
import type { MethodSpec } from "../core/spec.ts";
import type { AuthConfig } from "../policies/index.ts";
import { type ServerOptions, serverHandlers } from "../server.ts";
import { HttpError } from "./errors.ts";
import { originOf } from "./forwarded.ts";
import { peerOf } from "./peer.ts";
import type { MetadataReader } from "./request/headers.ts";
import { isPrefix, prefixHelp } from "./routing/prefix.ts";
import type { Work } from "./running.ts";

/** A handler of node:http, also an application of express. `next` without an error: this path is none of mine, answered by 404. */
export type MountedHandler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => unknown;

/** How a handler is mounted. */
export interface MountOptions {
  /** Who may call it, as in proto files; needs the gateway's `auth`. `rule` is not for handlers. Default: everybody. */
  readonly auth?: Partial<Omit<AuthConfig, "rule">> | undefined;
  /** The host that it is for, `*.example.com` for what ends so. Default: every host. */
  readonly host?: string | undefined;
  /** True: the handler sees the whole path. Default: without the part that it is mounted at, as in express. */
  readonly keepPath?: boolean | undefined;
  /** True: the handler ends its requests itself when the server stops. Default: their connections are cut at the limit. */
  readonly endsItself?: boolean | undefined;
}

/** A handler beside the routes. */
export interface Mount {
  readonly kind: "mount";
  /** Without a slash at the end; "" for every path. */
  readonly path: string;
  readonly handler: MountedHandler;
  readonly options: MountOptions;
  /** Lets those pass who may; resolves with who it is, if anybody knows. Undefined: everybody passes. */
  readonly admit: Handler | undefined;
  readonly method: MethodSpec;
}

/** What mounts need of their gateway. */
export interface MountSettings {
  readonly auth: ServerOptions["auth"];
  readonly readMetadata: MetadataReader;
  readonly onError: Report;
  readonly clock: Clock;
}

const known = keysOf<MountOptions>({ auth: true, host: true, keepPath: true, endsItself: true });
const knownAuth = keysOf<Omit<AuthConfig, "rule">>({ access: true, providers: true, scopes: true, audiences: true });

/** Checks a mount and builds what admits its callers. Throws a TypeError that names what is wrong. */
export function mountOf(path: string, handler: MountedHandler, options: MountOptions, settings: MountSettings): Mount {
  const where = `gateway.mount(${JSON.stringify(path)})`;
  if (typeof path !== "string" || !isPrefix(path)) throw new TypeError(`${where}: ${prefixHelp("the path")}`);
  if (typeof handler !== "function") throw new TypeError(`${where}: the handler is no function of (req, res)`);
  checkKeys(options, known, where);
  if (options.auth) checkKeys(options.auth, knownAuth, `${where}: auth`);
  const short = path.replace(/\/$/, "");
  // Looks like a method, so that the layers of the auth policy apply as they are.
  const method: MethodSpec = {
    name: "handle",
    path: short === "" ? "/" : short,
    kind: "unary",
    request: nothing,
    reply: nothing,
    routes: [],
    policy: options.auth
      ? { auth: { access: "AUTHENTICATED", providers: [], scopes: [], audiences: [], ...options.auth } }
      : {},
  };
  return { kind: "mount", path: short, handler, options, method, admit: options.auth && admission(method, settings) };
}

const nothing = { typeName: "google.protobuf.Empty", encode: () => new Uint8Array(), decode: () => ({}) };

function admission(method: MethodSpec, { auth, clock, onError }: MountSettings): Handler {
  const spec = { name: method.path, descriptors: "", methods: { handle: method } };
  const object = { handle: (_request: unknown, { principal }: CallContext) => ({ principal }) };
  return serverHandlers([{ spec, object }], { auth, clock, onError }).get(method.path)?.handler as Handler;
}

const principals = new WeakMap<IncomingMessage, Principal>();

/** Who sent a request to a mounted handler; undefined when its mount asks nobody. */
export const principalOf = (req: IncomingMessage): Principal | undefined => principals.get(req);

/**
 * Runs a mounted handler. `refuse` answers with an error. A handler that fails is answered for, or its connection is cut
 * when it has begun to answer.
 */
export async function runMount(
  mount: Mount,
  req: IncomingMessage,
  res: ServerResponse,
  settings: MountSettings,
  refuse: (error: RpcError) => void,
): Promise<void> {
  const cancellation = new Cancellation();
  res.once("close", () => cancellation.cancel(new RpcError("CANCELLED", "the client went away")));
  const failed = (error: unknown) => {
    const id = randomUUID();
    settings.onError(error, id, mount.method);
    if (res.headersSent) res.destroy();
    else refuse(new RpcError("INTERNAL", `internal error ${id}`, { cause: error }));
  };
  if (mount.admit) {
    try {
      const call = callOf({
        method: mount.method,
        request: {},
        metadata: settings.readMetadata(req.rawHeaders),
        deadline: Number.POSITIVE_INFINITY,
        attempt: 1,
        cancellation,
        retry: false,
        cache: false,
        peer: originOf(req)?.peer ?? peerOf(req.socket),
      });
      const { principal } = (await mount.admit(call)) as { readonly principal: Principal | undefined };
      if (principal) principals.set(req, principal);
    } catch (error) {
      // The handlers of a server fail with what callers may see.
      if (!res.destroyed) refuse(error as RpcError);
      return;
    }
  }
  if (res.destroyed) return;
  if (!mount.options.keepPath) cutPath(req, mount.path);
  const next = (error?: unknown) => {
    if (error !== undefined && error !== null) failed(error);
    else if (!res.headersSent) refuse(new HttpError(404, "NOT_FOUND", "no route has this path"));
  };
  try {
    await mount.handler(req, res, next);
  } catch (error) {
    failed(error);
  }
}

/** A mounted handler at work. Nothing but its connection can be taken from it. */
export class Mounted implements Work {
  readonly streams = false;
  place = -1;
  readonly #res: ServerResponse;
  readonly #endsItself: boolean;

  constructor(res: ServerResponse, endsItself = false) {
    this.#res = res;
    this.#endsItself = endsItself;
  }

  cancel(): void {
    if (!this.#endsItself) this.#res.destroy();
  }
}

/** As express does it: `url` is what is below the mount, `originalUrl` the whole. By segments, which may be escaped. */
function cutPath(req: IncomingMessage & { originalUrl?: string }, path: string): void {
  const url = (req.url ?? "/").replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, "");
  req.originalUrl ??= url;
  let rest = url;
  for (let segments = path.split("/").length - 1; segments > 0; segments--) rest = rest.replace(/^\/[^/?]*/, "");
  req.url = rest.startsWith("/") ? rest : `/${rest}`;
}
