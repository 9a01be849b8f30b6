import type { RequestListener, ServerResponse } from "node:http";
import { codeNumber } from "../core/error.ts";
import type { HealthState } from "../services/health.ts";

/** Where probes ask. By custom of Kubernetes. */
const healthPath = "/healthz";

/**
 * Answers `GET /healthz`, or `/healthz?service=<name>`, for probes that do not speak gRPC: 200 while SERVING, 503
 * otherwise, 404 for an unknown name. Every other path goes to `next`.
 */
export function withHealth(state: HealthState, next: RequestListener): RequestListener {
  return (request, response) => {
    const [path, query] = (request.url ?? "").split("?", 2);
    if (path !== healthPath) return next(request, response);
    if (request.method !== "GET" && request.method !== "HEAD") {
      send(response, 405, { code: codeNumber("UNIMPLEMENTED"), message: `${healthPath} takes GET`, details: [] });
      return;
    }
    const status = state.get(new URLSearchParams(query).get("service") ?? "");
    send(response, status === undefined ? 404 : status === "SERVING" ? 200 : 503, {
      status: status ?? "SERVICE_UNKNOWN",
    });
  };
}

/** HEAD gets the headers only: Node.js drops the body. */
function send(response: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": body.length,
    "cache-control": "no-store",
    ...(status === 405 && { allow: "GET, HEAD" }),
  });
  response.end(body);
}
