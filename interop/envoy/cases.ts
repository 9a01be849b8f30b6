import type { Point } from "./points.ts";

/** A script of requests, and what comes of it. Each has its own id: cases do not see each other's attempts. */
export interface Case {
  readonly name: string;
  readonly run: (point: Point, id: string) => Promise<unknown>;
  /** At both points. */
  readonly expected: unknown;
  /** What Envoy does otherwise, and why that is as good as it gets. */
  readonly envoy?: { readonly expected: unknown; readonly because: string };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** A call and the attempts that the backend saw of it. */
async function counted(point: Point, id: string, call: Promise<{ readonly code: string }>) {
  const { code } = await call;
  return { code, attempts: point.backend.attempts(id) };
}

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

const transcoding: readonly Case[] = [
  {
    name: "GET: a variable of the path and parameters of the query",
    run: async ({ http }, id) => (await http("GET", `/v1/plain/${id}?count=3&text=a%20b%2Fc`)).json,
    expected: { id: "ID", count: 3, text: "a b/c" },
  },
  {
    name: "what nobody sent is in the answer",
    run: async ({ http }, id) => (await http("GET", `/v1/plain/${id}`)).json,
    expected: { id: "ID", count: 0, text: "" },
  },
  {
    name: "a parameter that no field has is ignored",
    run: async ({ http }, id) => (await http("GET", `/v1/plain/${id}?colour=red`)).status,
    expected: 200,
  },
  {
    name: "POST: a body, and a path with a verb",
    run: async ({ http }, id) => (await http("POST", `/v1/things/${id}:put`, { body: { count: 2, text: "ü" } })).json,
    expected: { id: "ID", count: 2, text: "ü" },
  },
  {
    name: "a body that is no JSON is a bad request",
    run: async ({ http }, id) => (await http("POST", `/v1/things/${id}:put`, { body: "{count:" })).status,
    expected: 400,
  },
  {
    name: "a path that is no method's is not found",
    run: async ({ http }) => (await http("GET", "/v1/nothing")).status,
    expected: 404,
  },
  {
    name: "a failure is a status, and a body with the code",
    async run({ http, backend }, id) {
      backend.does(id, "NOT_FOUND");
      const { status, json } = await http("GET", `/v1/plain/${id}`);
      const { code, message } = json as { code: number; message: string };
      return { status, code, message };
    },
    expected: { status: 404, code: 5, message: "as told" },
  },
  {
    name: "a stream is lines of JSON",
    run: async ({ http }, id) => (await http("GET", `/v1/many/${id}?count=2`)).json,
    expected: [{ result: { id: "ID", count: 0, text: "" } }, { result: { id: "ID", count: 1, text: "" } }],
    envoy: {
      expected: [
        { id: "ID", count: 0, text: "" },
        { id: "ID", count: 1, text: "" },
      ],
      because: "Envoy's transcoder writes messages bare, and a failure of the stream where only trailers show it",
    },
  },
  {
    name: "a page of an origin that may call is told so, and others are not",
    async run({ http }, id) {
      const asked = async (origin: string) => {
        const headers = { origin, "access-control-request-method": "GET" };
        return (await http("OPTIONS", `/v1/plain/${id}`, { headers })).headers.get("access-control-allow-origin");
      };
      return [await asked("https://app.example"), await asked("https://evil.example")];
    },
    expected: ["https://app.example", null],
  },
];

const failures: readonly Case[] = [
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

const limits: readonly Case[] = [
  {
    name: "a limit lets its burst pass and refuses what is more, by what tells callers apart",
    async run({ grpc }, id) {
      const ask = async (tenant: string) => (await grpc("Rare", { id }, { "x-tenant": tenant })).code;
      return [await ask("a"), await ask("a"), await ask("a"), await ask("b")];
    },
    expected: ["OK", "OK", "RESOURCE_EXHAUSTED", "OK"],
  },
  {
    name: "calls without a value share a bucket, and by HTTP it is status 429",
    async run({ http }, id) {
      const ask = async () => (await http("GET", `/v1/rare/${id}`)).status;
      return [await ask(), await ask(), await ask()];
    },
    expected: [200, 200, 429],
  },
  {
    name: "a limit of the service is shared by its methods",
    async run({ grpc }, id) {
      const ask = async (method: string) => (await grpc(method, { id })).code;
      return [await ask("One"), await ask("Other"), await ask("One"), await ask("Other")];
    },
    expected: ["OK", "OK", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"],
  },
  {
    name: "a limit by principal is each caller's own",
    async run({ grpc, token }, id) {
      const ask = async (sub: string) => (await grpc("Own", { id }, bearer(await token({ sub })))).code;
      return [await ask("ada"), await ask("ada"), await ask("bob")];
    },
    expected: ["OK", "RESOURCE_EXHAUSTED", "OK"],
  },
  {
    name: "a shadow refuses nobody",
    async run({ grpc }, id) {
      return [(await grpc("Watched", { id })).code, (await grpc("Watched", { id })).code];
    },
    expected: ["OK", "OK"],
  },
  {
    name: "a request that is too large does not reach the backend",
    run: (point, id) => counted(point, id, point.grpc("Small", { id, text: "x".repeat(300_000) })),
    expected: { code: "RESOURCE_EXHAUSTED", attempts: 0 },
    envoy: {
      expected: { code: "UNKNOWN", attempts: 0 },
      because: "Envoy refuses with status 413, for which gRPC has no code",
    },
  },
  {
    name: "a request that is not too large passes",
    run: (point, id) => counted(point, id, point.grpc("Small", { id, text: "x".repeat(90_000) })),
    expected: { code: "OK", attempts: 1 },
  },
  {
    name: "a limit that follows the latency lets calls pass",
    run: async ({ grpc }, id) => (await grpc("Measured", { id })).code,
    expected: "OK",
  },
  {
    name: "what runs at once is limited",
    async run({ grpc, backend }, id) {
      backend.does(id, "hang");
      const first = grpc("Alone", { id });
      await backend.came(id, 1);
      const second = await grpc("Alone", { id: `${id} second` });
      backend.release(id);
      return [(await first).code, second.code, backend.attempts(`${id} second`)];
    },
    expected: ["OK", "UNAVAILABLE", 0],
  },
];

const auth: readonly Case[] = [
  {
    name: "no token: who are you",
    run: (point, id) => counted(point, id, point.grpc("Read", { id })),
    expected: { code: "UNAUTHENTICATED", attempts: 0 },
  },
  {
    name: "a token that is none",
    run: (point, id) => counted(point, id, point.grpc("Read", { id }, bearer("x.y.z"))),
    expected: { code: "UNAUTHENTICATED", attempts: 0 },
  },
  {
    name: "a token that has been changed",
    async run(point, id) {
      const [head, , signature] = (await point.token({ scope: "none" })).split(".");
      const [, body] = (await point.token({ scope: "read" })).split(".");
      return counted(point, id, point.grpc("Read", { id }, bearer(`${head}.${body}.${signature}`)));
    },
    expected: { code: "UNAUTHENTICATED", attempts: 0 },
  },
  {
    name: "a token that is over",
    run: async (point, id) =>
      counted(point, id, point.grpc("Read", { id }, bearer(await point.token({ scope: "read" }, "-5m")))),
    expected: { code: "UNAUTHENTICATED", attempts: 0 },
  },
  {
    name: "a token without the scope",
    run: async (point, id) =>
      counted(point, id, point.grpc("Read", { id }, bearer(await point.token({ scope: "reader write" })))),
    expected: { code: "PERMISSION_DENIED", attempts: 0 },
  },
  {
    name: "a good token with the scope among others",
    run: async (point, id) =>
      counted(point, id, point.grpc("Read", { id }, bearer(await point.token({ scope: "write read" })))),
    expected: { code: "OK", attempts: 1 },
  },
  {
    name: "scopes as a list, and under the other name",
    async run({ grpc, token }, id) {
      const ask = async (claims: object) => (await grpc("Read", { id }, bearer(await token({ ...claims })))).code;
      return [await ask({ scope: ["write", "read"] }), await ask({ scp: "read" }), await ask({ scp: ["reading"] })];
    },
    expected: ["OK", "OK", "PERMISSION_DENIED"],
  },
  {
    name: "a token for another audience",
    async run({ grpc, token }, id) {
      const ask = async (aud: unknown) => (await grpc("Meant", { id }, bearer(await token({ aud })))).code;
      return [await ask("other"), await ask("mirror"), await ask(["other", "mirror"])];
    },
    expected: ["PERMISSION_DENIED", "OK", "OK"],
  },
  {
    name: "PUBLIC asks nobody, and does not look at what callers show",
    run: async ({ grpc }, id) => [
      (await grpc("Open", { id })).code,
      (await grpc("Open", { id }, bearer("x.y.z"))).code,
    ],
    expected: ["OK", "OK"],
  },
  {
    name: "PUBLIC with a provider takes nobody, and no bad token",
    run: async ({ grpc, token }, id) => [
      (await grpc("Greeted", { id })).code,
      (await grpc("Greeted", { id }, bearer(await token({})))).code,
      (await grpc("Greeted", { id }, bearer("x.y.z"))).code,
    ],
    expected: ["OK", "OK", "UNAUTHENTICATED"],
  },
  {
    name: "DENY lets nobody in",
    run: async (point, id) =>
      counted(point, id, point.grpc("Closed", { id }, bearer(await point.token({ scope: "read" })))),
    expected: { code: "PERMISSION_DENIED", attempts: 0 },
  },
  {
    name: "by HTTP: 401, 403, 200, and a token in the query counts for nothing",
    async run({ http, token }, id) {
      const ask = async (headers: { readonly [name: string]: string }, query = "") =>
        (await http("GET", `/v1/guarded/${id}${query}`, { headers })).status;
      const good = await token({ scope: "read" });
      return [
        await ask({}),
        await ask(bearer(await token({}))),
        await ask(bearer(good)),
        await ask({}, `?access_token=${good}`),
      ];
    },
    expected: [401, 403, 200, 401],
  },
];

/** One table for two enforcement points. */
export const cases: { readonly [chapter: string]: readonly Case[] } = { transcoding, failures, limits, auth };
