/// <reference path="./fetch.d.ts" />

/** The two packages that speak Connect and gRPC-Web. */
export interface ConnectLibrary {
  readonly connect: typeof import("@connectrpc/connect");
  readonly node: typeof import("@connectrpc/connect-node");
}

/** Loads them. Fails with an Error that names the install command. */
export async function loadConnect(): Promise<ConnectLibrary> {
  try {
    const [connect, node] = await Promise.all([import("@connectrpc/connect"), import("@connectrpc/connect-node")]);
    return { connect, node };
  } catch (cause) {
    throw new Error(
      "Connect and gRPC-Web need two packages: run npm install @connectrpc/connect@2.1 @connectrpc/connect-node@2.1",
      { cause },
    );
  }
}
