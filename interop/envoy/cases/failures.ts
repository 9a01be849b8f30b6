import type { Point } from "../points.ts";
import { type Case, counted } from "./case.ts";

/** Calls what always fails until a call does not reach it. */
async function untilRefused({ grpc, backend }: Point, id: string, method: string) {
  backend.does(id, "UNAVAILABLE");
  const end = Date.now() + 60_000;
  let before: number;
  let code: string;
  do {
    before = backend.attempts(id);
    ({ code } = await grpc(method, { id }));
  } while (backend.attempts(id) > before && Date.now() < end);
  return { code, called: backend.attempts(id) > before };
}

/** Retries, hedges, deadlines and breakers. */
export const failures: readonly Case[] = [
  {
    name: "a failure that passes is retried, as often as it takes",
    run(point, id) {
      point.backend.does(id, "UNAVAILABLE", "UNAVAILABLE", "ok");
      return counted(point, id, point.grpc("Retried", { id }));
    },
    expected: { code: "OK", attempts: 3 },
  },
  {
    name: "a failure that stays is given up after three attempts",
    run(point, id) {
      point.backend.does(id, "UNAVAILABLE");
      return counted(point, id, point.grpc("Retried", { id }));
    },
    expected: { code: "UNAVAILABLE", attempts: 3 },
  },
  {
    name: "a backend that has too much to do is left alone, unless it says when to come again",
    run(point, id) {
      point.backend.does(id, "RESOURCE_EXHAUSTED", "ok");
      return counted(point, id, point.grpc("Retried", { id }));
    },
    expected: { code: "RESOURCE_EXHAUSTED", attempts: 1 },
    envoy: {
      expected: { code: "OK", attempts: 2 },
      because: "Envoy retries by the code alone, which is reported when it is exported",
    },
  },
  {
    name: "another code of the list is retried too",
    run(point, id) {
      point.backend.does(id, "INTERNAL", "ok");
      return counted(point, id, point.grpc("Put", { id }));
    },
    expected: { code: "OK", attempts: 2 },
  },
  {
    name: "a code that is not on the list is not retried",
    run(point, id) {
      point.backend.does(id, "INTERNAL", "ok");
      return counted(point, id, point.grpc("Retried", { id }));
    },
    expected: { code: "INTERNAL", attempts: 1 },
  },
  {
    name: "a method without retry is not retried",
    run(point, id) {
      point.backend.does(id, "UNAVAILABLE", "ok");
      return counted(point, id, point.grpc("Plain", { id }));
    },
    expected: { code: "UNAVAILABLE", attempts: 1 },
  },
  {
    name: "a request by HTTP is retried like a call",
    async run({ http, backend }, id) {
      backend.does(id, "UNAVAILABLE", "UNAVAILABLE", "ok");
      const { status } = await http("GET", `/v1/retried/${id}`);
      return { status, attempts: backend.attempts(id) };
    },
    expected: { status: 200, attempts: 3 },
  },
  {
    name: "a caller that retries itself does not multiply the attempts",
    run(point, id) {
      point.backend.does(id, "UNAVAILABLE");
      return counted(point, id, point.client("Retried", { id }));
    },
    expected: { code: "UNAVAILABLE", attempts: 9 },
    envoy: {
      expected: { code: "UNAVAILABLE", attempts: 3 },
      because:
        "Envoy tells callers by grpc-retry-pushback-ms that it has retried; a service that calls another does not",
    },
  },
  {
    name: "headers of a caller change no policy",
    async run(point, id) {
      const headers = {
        "x-envoy-max-retries": "9",
        "x-envoy-retry-on": "5xx",
        "x-envoy-retry-grpc-on": "internal",
        "x-envoy-upstream-rq-timeout-ms": "60000",
        "x-envoy-upstream-rq-per-try-timeout-ms": "1",
        "x-envoy-internal": "true",
      };
      point.backend.does(id, "UNAVAILABLE");
      const { code, attempts } = await counted(point, id, point.grpc("Retried", { id }, headers));
      point.backend.does(`${id} hangs`, "hang");
      return [code, attempts, (await point.grpc("Impatient", { id: `${id} hangs` }, headers)).code];
    },
    expected: ["UNAVAILABLE", 3, "DEADLINE_EXCEEDED"],
  },
  {
    name: "a call that takes too long is ended",
    run(point, id) {
      point.backend.does(id, "hang");
      return counted(point, id, point.grpc("Impatient", { id }));
    },
    expected: { code: "DEADLINE_EXCEEDED", attempts: 1 },
  },
  {
    name: "a request by HTTP that takes too long is ended",
    async run({ http, backend }, id) {
      backend.does(id, "hang");
      return (await http("GET", `/v1/impatient/${id}`)).status;
    },
    expected: 504,
  },
  {
    name: "a stream that says nothing for too long is ended, before its first message and after it",
    async run({ stream, backend }, id) {
      backend.does(id, "hang");
      return [await stream("Silent", { id }), await stream("Silent", { id, count: 2 })];
    },
    expected: [
      { code: "DEADLINE_EXCEEDED", replies: 0 },
      { code: "DEADLINE_EXCEEDED", replies: 2 },
    ],
    envoy: {
      expected: [
        { code: "UNAVAILABLE", replies: 0 },
        { code: "INTERNAL", replies: 2 },
      ],
      because: "Envoy answers with status 504, and resets a stream that has begun",
    },
  },
  {
    name: "an attempt that takes too long is cut off and sent again",
    run(point, id) {
      point.backend.does(id, "hang", "ok");
      return counted(point, id, point.grpc("Again", { id }));
    },
    expected: { code: "OK", attempts: 2 },
  },
  {
    name: "a second request is sent when the first takes long",
    run(point, id) {
      point.backend.does(id, "hang", "ok");
      return counted(point, id, point.grpc("Hedged", { id }));
    },
    expected: { code: "OK", attempts: 2 },
  },
  {
    name: "what keeps failing is not called any more",
    run: (point, id) => untilRefused(point, id, "Broken"),
    expected: { code: "UNAVAILABLE", called: false },
  },
  {
    name: "of what keeps failing a share is not called any more",
    run: (point, id) => untilRefused(point, id, "Throttled"),
    expected: { code: "UNAVAILABLE", called: false },
  },
];
