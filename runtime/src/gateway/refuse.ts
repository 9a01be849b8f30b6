import type { IncomingMessage, ServerResponse } from "node:http";
import type { RpcError } from "../core/error.ts";
import type { Seen } from "./access.ts";
import { detailRegistry, errorHeaders, errorJson, statusOf } from "./errors.ts";
import { sendJson } from "./response/respond.ts";

const standard = detailRegistry();

/** Answers a request that no call was made of. */
export function refuse(req: IncomingMessage, res: ServerResponse, error: RpcError, seen: Seen | undefined): void {
  if (seen) seen.code = error.code;
  if (statusOf(error) === 404 && byAnotherProtocol(req)) res.writeHead(404, { "content-length": "0" }).end();
  else sendJson(req, res, statusOf(error), errorHeaders(error), JSON.stringify(errorJson(error, standard)));
}

/** Clients of Connect and gRPC-Web read a JSON body as an error of their own form, and know what 404 means without one. */
const byAnotherProtocol = ({ headers }: IncomingMessage): boolean =>
  headers["connect-protocol-version"] !== undefined ||
  /^application\/(?:grpc|connect\+|proto)/i.test(headers["content-type"] ?? "");
