import { codeNumber } from "../core/error.ts";

/** Answers to what is no usable HTTP request, as google.rpc.Status like every other error. */
const refusals = {
  400: {
    line: "400 Bad Request",
    code: "INVALID_ARGUMENT",
    message: "this is not an HTTP/1.1 request with a Host header",
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
