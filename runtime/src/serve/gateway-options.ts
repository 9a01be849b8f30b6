import { checkKeys, keysOf } from "../core/known-keys.ts";
import type { Gateway, GatewayOptions } from "../gateway/gateway.ts";
import type { MountedHandler, MountOptions } from "../gateway/mount.ts";

/** A handler beside the routes. See `Gateway.mount`. */
export interface MountedAt extends MountOptions {
  readonly path: string;
  readonly handler: MountedHandler;
}

/** How requests by HTTP are answered, at whatever door. */
export interface ServeGatewayOptions
  extends Pick<
    GatewayOptions,
    | "cors"
    | "trustedProxies"
    | "forwardedHeader"
    | "trailingSlash"
    | "compose"
    | "webSocket"
    | "docs"
    | "onRequest"
    | "compression"
    | "ssePingMs"
    | "strictBody"
    | "multipart"
    | "requestHeaders"
    | "responseHeaders"
  > {
  /** Handlers of node:http or express beside the routes. Default: none. */
  readonly mounts?: readonly MountedAt[] | undefined;
  /** What `connect` of the door is, where that does not say it. Default: false. */
  readonly connect?: boolean | undefined;
}

const known = keysOf<ServeGatewayOptions>({
  cors: true,
  trustedProxies: true,
  forwardedHeader: true,
  trailingSlash: true,
  compose: true,
  webSocket: true,
  docs: true,
  onRequest: true,
  compression: true,
  ssePingMs: true,
  strictBody: true,
  multipart: true,
  requestHeaders: true,
  responseHeaders: true,
  mounts: true,
  connect: true,
});

/** Throws a TypeError for keys that nobody reads. */
export const checkGatewayOptions = (options: ServeGatewayOptions): void => checkKeys(options, known, "serve: gateway");

/** The part that a gateway is built with. */
export function withoutMounts({
  mounts: _,
  connect: __,
  ...options
}: ServeGatewayOptions = {}): Partial<GatewayOptions> {
  return options;
}

/** Mounts the handlers. */
export function mountAll(gateway: Gateway, { mounts = [] }: ServeGatewayOptions = {}): void {
  for (const { path, handler, ...how } of mounts) gateway.mount(path, handler, how);
}
