import type { Case } from "./case.ts";

/** Requests by HTTP. */
export const transcoding: readonly Case[] = [
  {
    name: "GET: a variable of the path and parameters of the query",
    run: async ({ http }, id) => (await http("GET", `/v1/plain/${id}?count=3&text=a%20b%2Fc`)).json,
    expected: { id: "ID", count: 3, text: "a b/c" },
  },
  {
    name: "escapes in a segment stand for what they say, slashes too",
    run: async ({ http }) =>
      Promise.all(
        ["a%20b", "a%2Fb", "a%2fb", "a%3Ab", "%C3%BC", "a+b", "a%252Fb", "a:b"].map(
          async (text) => ((await http("GET", `/v1/plain/${text}`)).json as { id?: string })?.id,
        ),
      ),
    expected: ["a b", "a/b", "a/b", "a:b", "ü", "a+b", "a%2Fb", "a:b"],
  },
  {
    name: "a value that ends like the verb of another route",
    run: async ({ http }, id) => (await http("GET", `/v1/plain/${id}:put`)).status,
    expected: 200,
    envoy: { expected: 404, because: "to Envoy's transcoder a verb that some route has is never part of a value" },
  },
  {
    name: "other spellings of a path",
    run: async ({ http }, id) =>
      Promise.all(
        [`/v1/plain/${id}/`, `/v1//plain/${id}`, `/v1/%70lain/${id}`, `/v1/PLAIN/${id}`, `/v1/plain/${id};a=b`].map(
          async (path) => (await http("GET", path)).status,
        ),
      ),
    expected: [200, 404, 200, 404, 200],
  },
  {
    name: "HEAD is GET without a body",
    run: async ({ http }, id) => (await http("HEAD", `/v1/plain/${id}`)).status,
    expected: 200,
    envoy: { expected: 404, because: "Envoy's transcoder knows GET alone where the route says so" },
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
