import type { IncomingMessage } from "node:http";
import { codeNumber } from "../core/error.ts";

/** Answers to what is no usable HTTP request, as google.rpc.Status like every other error. */
const refusals = {
  400: {
    line: "400 Bad Request",
    code: "INVALID_ARGUMENT",
    message: "this is not an HTTP/1.1 request with one Host header",
  },
  408: { line: "408 Request Timeout", code: "DEADLINE_EXCEEDED", message: "the request did not arrive in time" },
  // Source: RFC 9110, 10.1.1.
  417: {
    line: "417 Expectation Failed",
    code: "INVALID_ARGUMENT",
    message: "the only expectation that can be met is 100-continue: send the request without Expect",
  },
  431: {
    line: "431 Request Header Fields Too Large",
    code: "RESOURCE_EXHAUSTED",
    message: "the request headers are too large",
  },
} as const;

/** The statuses that there are such answers for. */
export type RefusedStatus = keyof typeof refusals;

/** The status line, the headers and the body of such an answer. */
export function refusal(status: RefusedStatus) {
  const { line, code, message } = refusals[status];
  const body = JSON.stringify({ code: codeNumber(code), message, details: [] });
  return { line, body, head: { "content-type": "application/json", "content-length": String(body.length) } };
}

/** Source: RFC 3986, 3.2.2 and 3.2.3. */
const legalHost = /^(?:[\w.~!$&'()*+,;=%-]*|\[[\w.:%~-]+\])(?::\d*)?$/;

/**
 * Whether a request by HTTP/1.1 says once, and in a form that a host can have, what host it is for; where it says it twice, a
 * proxy and this server may read another one. Source: RFC 9112, 3.2.
 */
export function namesOneHost({ headers, rawHeaders, httpVersion }: IncomingMessage): boolean {
  if (headers.host === undefined) return httpVersion !== "1.1";
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === 4 && name.toLowerCase() === "host") count += 1;
  }
  return count === 1 && legalHost.test(headers.host);
}
