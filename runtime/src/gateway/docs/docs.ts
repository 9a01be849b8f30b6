import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { checkKeys, keysOf } from "../../core/known-keys.ts";
import type { MountOptions } from "../mount.ts";
import { namesTag } from "../response/etag.ts";

/** A page that shows an OpenAPI document, and the document itself. */
export interface DocsOptions {
  /** The document, or the file that has it: what `protoc-gen-mesh` writes with `openapi=merge`. Read when the gateway is built. */
  readonly document: string | URL | { readonly [key: string]: unknown };
  /** Where the page is. The document is beside it, at `openapi.json`. Default: `/docs`, and so `/openapi.json`. */
  readonly path?: string | undefined;
  /** Who may read both; needs the gateway's `auth`. Default: everybody. */
  readonly auth?: MountOptions["auth"];
}

/** Something that is served at a path. */
export interface Served {
  readonly path: string;
  handler(req: IncomingMessage, res: ServerResponse, next: () => void): void;
}

interface Asset {
  readonly type: string;
  readonly content: Buffer;
  readonly etag: string;
}

const known = keysOf<DocsOptions>({ document: true, path: true, auth: true });

const scripts = ["dom.js", "page.js", "request.js", "schema.js", "try.js"];

/**
 * The page with what it loads, and the document. All of it comes from here: no other host, no cookies, nothing kept.
 *
 * Throws a TypeError when the document cannot be read or is no OpenAPI 3 document.
 */
export function docsOf(options: DocsOptions): { readonly page: Served; readonly document: Served } {
  checkKeys(options, known, "createGateway: docs");
  const { path = "/docs" } = options;
  // No browser asks for a path with dot segments, and the document is beside the page.
  if (!/^(\/(?!\.\.?(?:\/|$))[\w.~-]+)+$/.test(path) || path.endsWith("/openapi.json"))
    throw new TypeError(`createGateway: docs.path is ${JSON.stringify(path)}: write a path such as "/docs"`);
  const { document, hosts } = documentOf(options.document);
  const name = path.slice(path.lastIndexOf("/") + 1);
  // Relative, so that the page also works behind a proxy that serves it under another path.
  const html = load("index.html")
    .toString("utf8")
    .replace(/BASE|DOCUMENT/g, (word) => (word === "BASE" ? `./${name}` : "./openapi.json"));
  const assets = new Map<string, Asset>([
    [path, asset("text/html; charset=utf-8", Buffer.from(html))],
    [`${path}/page.css`, asset("text/css; charset=utf-8", load("page.css"))],
    ...scripts.map((file) => [`${path}/${file}`, asset("text/javascript; charset=utf-8", load(file))] as const),
  ]);
  const documentPath = `${path.slice(0, path.lastIndexOf("/"))}/openapi.json`;
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src data:",
    ["connect-src 'self'", ...hosts].join(" "),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  return {
    page: {
      path,
      handler(req, res, next) {
        const wanted = pathOf(req);
        const found = assets.get(wanted);
        if (found) send(req, res, found, policy);
        else if (wanted === `${path}/`) res.writeHead(308, { location: `../${name}`, "content-length": "0" }).end();
        else next();
      },
    },
    document: {
      path: documentPath,
      handler(req, res, next) {
        if (pathOf(req) === documentPath) send(req, res, document, policy);
        else next();
      },
    },
  };
}

/** The document as it is sent, and the hosts that a call from the page may go to. */
function documentOf(given: DocsOptions["document"]): { readonly document: Asset; readonly hosts: readonly string[] } {
  const text = typeof given === "string" || given instanceof URL ? textOf(given) : JSON.stringify(given);
  let parsed: { readonly openapi?: unknown; readonly servers?: readonly { readonly url?: unknown }[] } | null;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new TypeError(`createGateway: docs.document is no JSON: ${help}`, { cause });
  }
  if (typeof parsed?.openapi !== "string" || !parsed.openapi.startsWith("3."))
    throw new TypeError(`createGateway: docs.document is no OpenAPI 3 document: ${help}`);
  const urls = Array.isArray(parsed.servers) ? parsed.servers.map((server) => String(server?.url)) : [];
  const hosts = urls.flatMap((url) => (/^https?:\/\/[\w.:[\]-]+/.exec(url)?.[0] ?? []) as string | []);
  return { document: asset("application/json", Buffer.from(text)), hosts: [...new Set(hosts)] };
}

const help = "give what protoc-gen-mesh writes with openapi=merge";

function textOf(file: string | URL): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new TypeError(`createGateway: docs.document ${String(file)} cannot be read (${code}): ${help}`, { cause });
  }
}

const asset = (type: string, content: Buffer): Asset => ({
  type,
  content,
  etag: `"${createHash("sha256").update(content).digest("base64url").slice(0, 22)}"`,
});

/** The path of a request, without its query. */
const pathOf = ({ url = "/" }: IncomingMessage): string => url.split("?", 1)[0] as string;

function send(req: IncomingMessage, res: ServerResponse, { type, content, etag }: Asset, policy: string): void {
  if (req.method !== "GET" && req.method !== "HEAD") {
    res.writeHead(405, { allow: "GET, HEAD", "content-length": "0" }).end();
    return;
  }
  const headers = {
    etag,
    "cache-control": "no-cache",
    "content-security-policy": policy,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  };
  const known = req.headers["if-none-match"];
  if (known !== undefined && namesTag(known, etag)) {
    res.writeHead(304, headers).end();
    return;
  }
  res.writeHead(200, { ...headers, "content-type": type, "content-length": content.length });
  res.end(req.method === "HEAD" ? undefined : content);
}

const load = (file: string): Buffer => {
  try {
    return readFileSync(new URL(`page/${file}`, import.meta.url));
  } catch (cause) {
    throw new TypeError(
      "createGateway: docs: the files of the page are not beside @protomesh/runtime: leave the package out of your bundle (external)",
      { cause },
    );
  }
};
